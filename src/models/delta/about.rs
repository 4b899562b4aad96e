//! What an adapter adds to one layer, as data, and what each kind of adapter says about itself.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use candle_core::{Result, Tensor};

use super::shape::Shape;
use crate::choice::AdapterKind;
use crate::models::adaptable::AdaptableLayer;
use crate::models::frozen::Frozen;
use crate::sampling::noise::TorchRng;

/// Tensors by their names in the program, e.g. `down` and `up`.
pub type Tensors = BTreeMap<&'static str, Tensor>;

/// Shapes by the same names.
pub(crate) type Shapes<'a> = BTreeMap<&'static str, &'a [usize]>;

/// The lengths that the rows of the changed weight have, `(out)`.
pub(crate) const MAGNITUDE: &str = "magnitude";
/// The lengths that its columns have, `(in)`.
pub(crate) const INPUT_MAGNITUDE: &str = "input_magnitude";

/// What an adapter adds to one layer.
#[derive(Clone, Debug)]
pub struct Delta {
    /// Which kind of adapter it is.
    pub kind: AdapterKind,
    /// The tensors, f32. With `magnitude` `(out)` or `input_magnitude` `(in)` the changed weight gets these lengths.
    pub tensors: Tensors,
    /// `alpha / rank`.
    pub scale: f64,
    /// How strong the user wants it: the part of the way from the frozen weight to the changed one.
    pub strength: f64,
    /// The dropout mask, which the layer's input is multiplied with before the adapter sees it: 0 where the input is
    /// dropped, `1 / (keep probability)` elsewhere. It has the batch, the channels and the size of the input; the
    /// dimensions of the tokens may be flattened. `None` outside training.
    pub dropout_mask: Option<Tensor>,
    /// The factors that give the changed weight its lengths, where they stay the same.
    pub(super) factors: Arc<OnceLock<Tensor>>,
}

impl Delta {
    /// A change at full strength, without dropout. `scale` is `alpha / rank`.
    #[must_use]
    pub fn new(kind: AdapterKind, tensors: Tensors, scale: f64) -> Self {
        Self { kind, tensors, scale, strength: 1.0, dropout_mask: None, factors: Arc::default() }
    }

    /// The same at another strength.
    #[must_use]
    pub fn at(self, strength: f64) -> Self {
        Self { strength, ..self }
    }

    /// What the update is multiplied with where no lengths are given: `alpha / rank`, times the strength.
    #[must_use]
    pub fn factor(&self) -> f64 {
        self.scale * self.strength
    }
}

/// What a kind's first tensors depend on.
pub(crate) struct Beginning<'a> {
    pub(crate) layer: &'a AdaptableLayer,
    pub(crate) rank: usize,
    /// What one of the factors of a LoKr's sizes should be, if it should not be as near to the other as possible.
    pub(crate) lokr_factor: Option<usize>,
    pub(crate) rng: &'a mut TorchRng,
}

/// Everything that the program needs to know about a kind of adapter.
pub(crate) struct About {
    /// Its tensors; not all of them need be there.
    pub(crate) tensors: &'static [TensorNames],
    /// Tensors that take the scale in a file that has no alpha: the first of them that is there.
    pub(crate) scaled: &'static [&'static str],
    /// Tensors that have four dimensions in files of a 1×1 convolution.
    pub(crate) square: &'static [&'static str],
    /// kohya's `ss_network_module`, and the `algo` of its `ss_network_args`, if it has one.
    pub(crate) kohya: (&'static str, Option<&'static str>),
    /// The tensors before the first step, f32 on the CPU. They must change nothing yet.
    pub(crate) begin: fn(&mut Beginning<'_>) -> Result<Tensors>,
    /// What the update gives for `x`, times a scale.
    pub(crate) added: fn(&Tensors, &Tensor, Frozen<'_>, f64) -> Result<Tensor>,
    /// The update without its scale: the numbers of `(out, in)` or `(out, in, height, width)`, in this order.
    pub(crate) update: fn(&Tensors) -> Result<Tensor>,
    /// What tensors of these shapes fit; or why they do not fit each other.
    pub(crate) shape: fn(&Shapes<'_>) -> std::result::Result<Shape, String>,
}

impl About {
    /// The shape of a tensor without which there is no update.
    pub(super) fn need<'a>(&self, shapes: &Shapes<'a>, tensor: &str) -> std::result::Result<&'a [usize], String> {
        let noun = self.names(tensor).map_or(tensor, |names| names.noun);
        shapes.get(tensor).copied().ok_or_else(|| format!("its partner, {noun}, is missing"))
    }

    /// The names of one of the tensors.
    pub(crate) fn names(&self, tensor: &str) -> Option<&'static TensorNames> {
        self.tensors.iter().find(|names| names.name == tensor)
    }
}

/// The names of one tensor of a kind of adapter.
pub(crate) struct TensorNames {
    /// Its name in the program and in the state of a training, e.g. `down`.
    pub(crate) name: &'static str,
    /// What it is, for messages, e.g. `the down (A) matrix`.
    pub(crate) noun: &'static str,
    /// The end of its name in diffusers' files: of a UNet's layer, of a text encoder's layer. `None`: it cannot be
    /// written there.
    pub(crate) diffusers: Option<[&'static str; 2]>,
    /// The end of its name in kohya's files.
    pub(crate) kohya: &'static str,
    /// Every end of a name by which a file may call it, with the naming that this is.
    pub(crate) read: &'static [(&'static str, Naming)],
}

/// How a file names its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Naming {
    /// `unet.….to_q.lora.down.weight`: diffusers since 0.17, no alphas (alpha = rank).
    Diffusers,
    /// `….attn1.processor.to_q_lora.down.weight`: diffusers before that.
    DiffusersOld,
    /// `base_model.model.….to_q.lora_A.weight`: peft; alpha in `adapter_config.json` or in the metadata.
    Peft,
    /// `lora_unet_…_to_q.lora_down.weight` and `.alpha`: kohya's sd-scripts, ComfyUI, A1111.
    Kohya,
    /// `diffusion_model.….to_q.lora_down.weight` and `.alpha`: kohya's roles with dotted names, as ComfyUI saves.
    Dotted,
}

impl Naming {
    /// The name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Diffusers => "diffusers",
            Self::DiffusersOld => "diffusers (old)",
            Self::Peft => "peft",
            Self::Kohya => "kohya",
            Self::Dotted => "kohya with dots",
        }
    }
}
