//! What an adapter file holds, without a model.

use super::error::LoraFileError;
use super::key::Part;
use super::label::{BaseLabel, family_of_layers};
use super::module::FileDelta;
use super::names;
use super::parsed::read;
use super::training;
use crate::choice::AdapterKind;
use crate::models::delta::lora;
use crate::models::delta::tucker::tucker;
use candle_core::{DType, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What an adapter file holds.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Summary {
    /// Naming of the tensors, e.g. `diffusers`; more than one for a mixed file.
    pub formats: Vec<&'static str>,
    /// The kinds of adapters that occur: `lora`, `loha`, `lokr`, `dora`.
    pub kinds: BTreeSet<AdapterKind>,
    /// What people call what occurs, e.g. `LoRA of convolutions (LoCon)`.
    pub titles: BTreeSet<&'static str>,
    /// The types of the numbers, e.g. `F16`.
    pub types: BTreeSet<String>,
    /// Ranks that occur.
    pub ranks: Vec<usize>,
    /// Alphas that occur, in order.
    pub alphas: Vec<f64>,
    /// The family of base models that the shapes show, or else the metadata names.
    pub family: Option<&'static str>,
    /// What the metadata says of the training: what it is, and the file's word.
    pub training: Vec<(&'static str, String)>,
    /// The Euclidean norm of all updates of a block, by its name, e.g. `down_blocks.1` or `text_encoder`.
    pub blocks: BTreeMap<String, f64>,
    /// The layers, UNet first, by name.
    pub modules: Vec<ModuleSummary>,
    /// Numbers in all tensors, without alphas.
    pub parameters: u64,
    /// The file's own metadata.
    pub metadata: BTreeMap<String, String>,
    /// Tensors that are no part of a complete adapter of a layer, with the reason.
    pub other_tensors: Vec<(String, String)>,
}

/// What an adapter file adds to one layer.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ModuleSummary {
    /// `unet`, `text_encoder` or `text_encoder_2`.
    pub part: &'static str,
    /// Path of the layer, with dots.
    pub name: String,
    /// How it changes the layer.
    pub kind: AdapterKind,
    /// Width of the layer's input; for a convolution times height and width of its window.
    pub in_features: usize,
    /// Width of the layer's output.
    pub out_features: usize,
    /// Inner width; `None` for a whole update.
    pub rank: Option<usize>,
    /// Scale numerator; `None` for a whole update.
    pub alpha: Option<f64>,
    /// `<tensor>_norm` of each tensor, in order of name → its Euclidean norm: `down_norm`, `up_norm` for a LoRA.
    #[serde(flatten)]
    pub norms: BTreeMap<String, f64>,
    /// Numbers in its tensors.
    #[serde(skip)]
    pub parameters: u64,
    /// Euclidean (Frobenius) norm of the whole update. Lengths (DoRA) are not in it: they change the base model's
    /// weights, which are not in the file.
    pub update_norm: f64,
}

/// Describes an adapter file; needs no model.
///
/// # Errors
/// A file that cannot be read or is no safetensors file.
pub fn inspect(path: &Path) -> Result<Summary, LoraFileError> {
    let parsed = read(path)?;
    let pair = |name: &String, reason: &str| (name.clone(), reason.to_owned());
    let mut other_tensors: Vec<_> = parsed.rejected.iter().map(|other| pair(&other.name, &other.reason)).collect();
    let (mut modules, mut titles) = (Vec::new(), BTreeSet::new());
    let mut shapes = Vec::new();
    for ((part, name), raw) in &parsed.modules {
        let dotted = names::with_dots(name);
        match raw.delta(&dotted, &parsed.config(*part)) {
            Ok(delta) => {
                let name = names::layer(*part, name).unwrap_or(dotted);
                let error = |source| LoraFileError::Tensor { path: path.to_owned(), source };
                titles.insert(delta.title());
                shapes.push((*part, name.clone(), delta.input_shape().to_vec()));
                modules.push(module(*part, name, &delta).map_err(error)?);
            }
            Err(reason) => other_tensors.extend(raw.tensor_names().map(|tensor| pair(tensor, &reason))),
        }
    }
    other_tensors.sort();
    let mut alphas: Vec<f64> = modules.iter().filter_map(|module: &ModuleSummary| module.alpha).collect();
    alphas.sort_by(f64::total_cmp);
    alphas.dedup();
    let shown = family_of_layers(shapes.iter().map(|(part, name, dims)| (*part, name.as_str(), dims.as_slice())));
    Ok(Summary {
        family: shown.or_else(|| BaseLabel::family(&parsed.metadata)).map(|family| family.data().name),
        training: training::facts(&parsed.metadata),
        blocks: blocks(&modules),
        formats: parsed.namings.iter().map(|naming| naming.name()).collect(),
        kinds: modules.iter().map(|m| m.kind).collect(),
        titles,
        types: parsed.types,
        ranks: modules.iter().filter_map(|m| m.rank).collect::<BTreeSet<_>>().into_iter().collect(),
        alphas,
        parameters: modules.iter().map(|m| m.parameters).sum(),
        modules,
        metadata: parsed.metadata,
        other_tensors,
    })
}

/// The norms of all updates of each block.
fn blocks(modules: &[ModuleSummary]) -> BTreeMap<String, f64> {
    let mut squares = BTreeMap::<String, f64>::new();
    for module in modules {
        let mut words = module.name.split('.');
        let block = match (module.part, words.next(), words.next()) {
            ("unet", Some(head @ ("down_blocks" | "up_blocks")), Some(number)) => format!("{head}.{number}"),
            ("unet", Some(head), _) => head.to_owned(),
            (part, ..) => part.to_owned(),
        };
        *squares.entry(block).or_default() += module.update_norm.powi(2);
    }
    squares.into_iter().map(|(block, square)| (block, square.sqrt())).collect()
}

fn module(part: Part, name: String, delta: &FileDelta) -> candle_core::Result<ModuleSummary> {
    let wide = delta.tensors.iter().map(|(name, tensor)| Ok((*name, tensor.to_dtype(DType::F64)?)));
    let tensors: BTreeMap<_, _> = wide.collect::<candle_core::Result<_>>()?;
    let norm = |t: &Tensor| -> candle_core::Result<f64> { Ok(t.sqr()?.sum_all()?.to_scalar::<f64>()?.sqrt()) };
    let norms = tensors.iter().map(|(name, tensor)| Ok((format!("{name}_norm"), norm(tensor)?)));
    let norms = norms.collect::<candle_core::Result<_>>()?;
    let update_norm = match delta.kind {
        AdapterKind::Lora | AdapterKind::Dora => {
            let (down, up) = lora::plain(&tensors)?;
            product_norm(&up, &down.flatten_from(1)?)?
        }
        AdapterKind::Loha => norm(&(delta.about().update)(&tensors)?)?,
        // The norm of a Kronecker product is the product of the norms.
        AdapterKind::Lokr => {
            let half = |whole: &str, [a, b]: [&str; 2]| match (tensors.get(whole), tensors.get("t2")) {
                (Some(whole), _) => norm(whole),
                (None, Some(core)) if whole == "w2" => norm(&tucker(core, &tensors[a], &tensors[b])?),
                (None, _) => product_norm(&tensors[a], &tensors[b].flatten_from(1)?),
            };
            half("w1", ["w1_a", "w1_b"])? * half("w2", ["w2_a", "w2_b"])?
        }
    };
    Ok(ModuleSummary {
        part: part.name(),
        name,
        kind: delta.kind,
        in_features: delta.shape.columns(),
        out_features: delta.shape.output,
        rank: delta.shape.rank,
        alpha: delta.alpha,
        norms,
        parameters: tensors.values().map(|tensor| tensor.elem_count() as u64).sum(),
        update_norm: delta.scale.abs() * update_norm,
    })
}

/// |B A|, by whichever way needs the smaller matrices: they are never larger than A and B together.
fn product_norm(up: &Tensor, down: &Tensor) -> candle_core::Result<f64> {
    let (rank, input) = down.dims2()?;
    let output = up.dim(0)?;
    let square = if rank * rank <= input * output {
        // |B A|² = Σ (BᵀB) ∘ (A Aᵀ): rank × rank.
        (up.t()?.matmul(up)? * down.matmul(&down.t()?)?)?
    } else {
        up.matmul(down)?.sqr()?
    };
    Ok(square.sum_all()?.to_scalar::<f64>()?.max(0.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::noise::TorchRng;

    #[test]
    fn both_ways_give_the_same_norm() {
        let random = |shape: [usize; 2]| TorchRng::new(3).randn_tensor(&shape).unwrap().to_dtype(DType::F64).unwrap();
        // Rank below and above what the layer has room for.
        for (rank, input, output) in [(2, 7, 5), (40, 7, 5)] {
            let (up, down) = (random([output, rank]), random([rank, input]));
            let product = up.matmul(&down).unwrap().sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            assert!((product_norm(&up, &down).unwrap() / product.sqrt() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_huge_rank_of_a_small_layer_takes_little() {
        // rank × rank in f64 would be 80 GB.
        let (up, down) = (Tensor::ones((1, 100_000), DType::F64, &candle_core::Device::Cpu).unwrap(), 100_000);
        let down = Tensor::ones((down, 1), DType::F64, up.device()).unwrap();
        assert_eq!(product_norm(&up, &down).unwrap(), 100_000.0);
    }
}
