//! What an adapter adds to one layer, as data, and what each kind of adapter says about itself.

use candle_core::{Result, Tensor};

use super::shape::Shape;
use crate::choice::AdapterKind;
use crate::kernels::{Linear, LoraPair};
use crate::models::adaptable::AdaptableLayer;
use crate::sampling::noise::TorchRng;

/// What an adapter adds to one layer.
#[derive(Clone, Debug)]
pub struct Delta {
    /// Which kind of adapter it is.
    pub kind: AdapterKind,
    /// The tensors, f32, in the order of the kind's names.
    pub tensors: Vec<Tensor>,
    /// `alpha / rank`, times the strength that the user chose.
    pub scale: f64,
    /// The dropout mask, which the layer's input is multiplied with before the adapter sees it: 0 where the input is
    /// dropped, `1 / (keep probability)` elsewhere. It has the batch, the channels and the size of the input; the
    /// dimensions of the tokens may be flattened. `None` outside training.
    pub dropout_mask: Option<Tensor>,
}

/// Everything that the program needs to know about a kind of adapter.
pub(crate) struct About {
    /// What people call the kind, e.g. `LoRA`.
    pub(crate) title: &'static str,
    /// The names of its tensors, in order.
    pub(crate) tensors: &'static [TensorNames],
    /// Which tensor has the layer's input, in channels, as its second dimension.
    pub(crate) input: usize,
    /// Which tensor takes the scale in a file that has no alpha.
    pub(crate) scaled: usize,
    /// kohya's `ss_network_module` and `ss_network_args`.
    pub(crate) kohya: (&'static str, &'static str),
    /// The tensors before the first step for a layer and a rank, f32 on the CPU. They must change nothing yet.
    pub(crate) begin: fn(&AdaptableLayer, usize, &mut TorchRng) -> Result<Vec<Tensor>>,
    /// The layer with what the adapter adds to it: `x` `(..., in)` → `(..., out)`.
    pub(crate) linear: fn(&Delta, &Tensor, &Linear) -> Result<Tensor>,
    /// The same change as a pair of matrices, without a dropout mask.
    pub(crate) pair: fn(&Delta) -> Result<LoraPair>,
    /// What tensors of these shapes, in the order of the names, fit; or why they do not fit each other.
    pub(crate) shape: fn(&[&[usize]]) -> std::result::Result<Shape, String>,
}

/// The names of one tensor of a kind of adapter.
pub(crate) struct TensorNames {
    /// Its name in the program and in the state of a training, e.g. `down`.
    pub(crate) name: &'static str,
    /// What it is, for messages, e.g. `the down (A) matrix`.
    pub(crate) noun: &'static str,
    /// The end of its name in diffusers' files: of a UNet's layer, of a text encoder's layer.
    pub(crate) diffusers: [&'static str; 2],
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
