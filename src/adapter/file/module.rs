//! The tensors of a module, checked against each other.

use super::key::Part;
use super::peft_config::PeftConfig;
use crate::choice::AdapterKind;
use crate::models::AdaptableLayer;
use crate::models::delta::Tensors;
use crate::models::delta::about::{About, INPUT_MAGNITUDE, MAGNITUDE};
use crate::models::delta::kinds::about;
use crate::models::delta::lora;
use crate::models::delta::shape::Shape;
use crate::text::list;
use candle_core::{DType, Result, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// A tensor and its name in the file.
pub(super) type Named = (String, Tensor);

/// Part and layer, in diffusers' words, and what is added to it.
pub(super) type Deltas = BTreeMap<(Part, String), FileDelta>;

/// The tensors of one module, with their names in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct RawModule {
    /// Kind of adapter and name in the program → name in the file and tensor.
    pub(super) tensors: BTreeMap<(AdapterKind, &'static str), Named>,
    /// The lengths of outputs (a DoRA).
    pub(super) output_lengths: Option<Named>,
    /// Lengths whose shape says whether they are those of outputs or of inputs.
    pub(super) lengths: Option<Named>,
    pub(super) alpha: Option<Named>,
}

/// What a file adds to a module; the tensors as the file has them, on the CPU.
#[derive(Clone, Debug)]
pub(super) struct FileDelta {
    pub(super) kind: AdapterKind,
    /// By their names in the program; lengths, if there are any, are vectors.
    pub(super) tensors: Tensors,
    pub(super) shape: Shape,
    /// `None` where it has no meaning: the update has no rank.
    pub(super) alpha: Option<f64>,
    pub(super) scale: f64,
}

impl FileDelta {
    /// What the kind says about itself.
    pub(super) fn about(&self) -> &'static About {
        about(self.kind)
    }

    /// The shape of the tensor that has the layer's input as its second dimension; empty if none has.
    pub(super) fn input_shape(&self) -> &[usize] {
        let of_input = ["down", "w1_b"].iter().find_map(|name| self.tensors.get(*name));
        of_input.filter(|_| self.kind != AdapterKind::Lokr).map_or(&[], Tensor::dims)
    }

    /// What people call it.
    pub(super) fn title(&self) -> &'static str {
        if self.tensors.contains_key(INPUT_MAGNITUDE) || self.tensors.contains_key(MAGNITUDE) {
            return match self.kind {
                AdapterKind::Lora | AdapterKind::Dora => "DoRA",
                AdapterKind::Loha => "LoHa with lengths (DoRA)",
                AdapterKind::Lokr => "LoKr with lengths (DoRA)",
            };
        }
        match self.tensors.get("mid") {
            Some(_) => "LoRA with a core",
            None if self.shape.window != (1, 1) && self.kind == AdapterKind::Lora => "LoRA of convolutions (LoCon)",
            None => self.kind.title(),
        }
    }

    /// The tensors as a layer of the model uses them, f32.
    pub(super) fn tensors_for(&self, layer: &AdaptableLayer) -> Result<Tensors> {
        let wide = self.tensors.iter().map(|(name, tensor)| Ok((*name, tensor.to_dtype(DType::F32)?)));
        let mut wide: Tensors = wide.collect::<Result<_>>()?;
        if about(self.kind).names("down").is_some() {
            let (down, up) = lora::plain(&wide)?;
            let down = match layer.window.filter(|window| *window != (1, 1)) {
                Some((height, width)) => down.reshape(((), layer.in_features, height, width))?,
                None => down.flatten_from(1)?,
            };
            wide.remove("mid");
            wide.extend([("down", down.contiguous()?), ("up", up.contiguous()?)]);
        }
        Ok(wide)
    }

    /// Whether it fits a layer; `Err` says why not.
    pub(super) fn fits(&self, layer: &AdaptableLayer) -> std::result::Result<(), String> {
        let Shape { input, output, window, .. } = self.shape;
        let (height, width) = layer.window.unwrap_or((1, 1));
        let lengths = self.tensors.get(INPUT_MAGNITUDE).is_none_or(|m| m.elem_count() == layer.in_features);
        // Some kinds do not show the window.
        let same = window == (height, width) || window == (1, 1);
        if same && output == layer.out_features && self.shape.columns() == layer.in_features * height * width && lengths
        {
            return Ok(());
        }
        let text = |(height, width), input, output| match (height, width) {
            (1, 1) => format!("a layer {input} → {output}"),
            (height, width) => format!("a {height}×{width} convolution {input} → {output}"),
        };
        let (theirs, ours) =
            (text(window, input, output), text((height, width), layer.in_features, layer.out_features));
        let ours = ours.strip_prefix("a layer ").map_or_else(|| ours.clone(), str::to_owned);
        Err(format!("made for another architecture: {theirs}, but this model's is {ours}"))
    }
}

impl RawModule {
    /// Its tensors with their names in the file.
    pub(super) fn named(&self) -> impl Iterator<Item = &Named> {
        self.tensors.values().chain(&self.output_lengths).chain(&self.lengths).chain(&self.alpha)
    }

    /// The names of its tensors in the file.
    pub(super) fn tensor_names(&self) -> impl Iterator<Item = &String> {
        self.named().map(|(name, _)| name)
    }

    /// Checks that the tensors fit each other; `name` (with dots) looks up what the file's configuration says.
    pub(super) fn delta(&self, name: &str, config: &PeftConfig) -> std::result::Result<FileDelta, String> {
        let Some((mut kind, _)) = self.tensors.keys().next().copied() else {
            let what = if self.alpha.is_some() { "an alpha" } else { "lengths" };
            return Err(format!("the module has {what} but no matrices"));
        };
        let kinds: BTreeSet<AdapterKind> = self.tensors.keys().map(|(kind, _)| *kind).collect();
        if kinds.len() > 1 {
            let titles: Vec<&str> = kinds.into_iter().map(AdapterKind::title).collect();
            return Err(format!("the module has tensors of several kinds of adapter: {}", list(&titles)));
        }
        let mut tensors: Tensors =
            self.tensors.iter().map(|((_, name), (_, tensor))| (*name, tensor.clone())).collect();
        let shape = (about(kind).shape)(&tensors.iter().map(|(name, tensor)| (*name, tensor.dims())).collect())?;
        if let Some((name, lengths)) = self.lengths_for(shape)? {
            if kind == AdapterKind::Lora && name == MAGNITUDE {
                kind = AdapterKind::Dora;
            }
            tensors.insert(name, lengths);
        } else if config.dora {
            return Err("the file says that it is a DoRA, but the module has no lengths".to_owned());
        }
        for matrix in tensors.values() {
            check_numbers(matrix)?;
        }
        let (alpha, scale) = self.strength(name, config, shape.rank)?;
        Ok(FileDelta { kind, tensors, shape, alpha, scale })
    }

    /// Alpha and the scale that it gives.
    fn strength(
        &self,
        name: &str,
        config: &PeftConfig,
        rank: Option<usize>,
    ) -> std::result::Result<(Option<f64>, f64), String> {
        let own = self.alpha.as_ref().map(|(_, alpha)| number(alpha)).transpose()?;
        let said = config.rank(name);
        if let (Some(rank), Some(said)) = (rank, said)
            && rank as f64 != said
        {
            return Err(format!("the file's configuration says rank {said}, the tensors have rank {rank}"));
        }
        let rank = match rank {
            Some(rank) => rank as f64,
            // A whole update has no rank of its own: LyCORIS does not scale it, peft divides by the rank it asked for.
            None => match (own, said) {
                (None, Some(said)) => said,
                _ => return Ok((None, 1.0)),
            },
        };
        let alpha = match own.or_else(|| config.alpha(name)) {
            // kohya writes 0 for "the rank".
            None | Some(0.0) => rank,
            Some(alpha) if alpha.is_finite() => alpha,
            Some(alpha) => return Err(format!("alpha is {alpha}")),
        };
        Ok((Some(alpha), if config.rank_stabilised { alpha / rank.sqrt() } else { alpha / rank }))
    }

    /// The lengths as a vector, by their name in the program.
    fn lengths_for(&self, shape: Shape) -> std::result::Result<Option<(&'static str, Tensor)>, String> {
        let flat = |tensor: &Tensor| tensor.flatten_all().map_err(|e| e.to_string());
        let misfit =
            |dims: &[usize]| format!("its lengths have the shape {dims:?}, the layer {} outputs", shape.output);
        if let Some((_, lengths)) = &self.output_lengths {
            let fits = lengths.elem_count() == shape.output;
            return if fits { Ok(Some((MAGNITUDE, flat(lengths)?))) } else { Err(misfit(lengths.dims())) };
        }
        let Some((_, lengths)) = &self.lengths else { return Ok(None) };
        match lengths.dims() {
            [output] | [output, 1] | [output, 1, 1, 1] if *output == shape.output => {
                Ok(Some((MAGNITUDE, flat(lengths)?)))
            }
            [1, input] | [1, input, 1, 1] if *input > 0 && shape.input.is_multiple_of(*input) => {
                Ok(Some((INPUT_MAGNITUDE, flat(lengths)?)))
            }
            dims => Err(misfit(dims)),
        }
    }
}

/// All numbers must be finite.
fn check_numbers(matrix: &Tensor) -> std::result::Result<(), String> {
    // 0 · x is 0 unless x is NaN or infinite.
    let sum = matrix.to_dtype(DType::F32).and_then(|m| (m * 0.)?.sum_all()?.to_scalar::<f32>());
    match sum.map_err(|e| e.to_string())? {
        0.0 => Ok(()),
        _ => Err("holds NaN or infinite numbers".to_owned()),
    }
}

fn number(alpha: &Tensor) -> std::result::Result<f64, String> {
    if alpha.elem_count() != 1 {
        return Err(format!("alpha has shape {:?}, not a single number", alpha.dims()));
    }
    let value = alpha.flatten_all().and_then(|a| a.to_dtype(DType::F64)?.to_vec1::<f64>());
    value.map(|v| v[0]).map_err(|e| e.to_string())
}
