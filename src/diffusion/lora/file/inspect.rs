use super::error::LoraFileError;
use super::key::{self, Part};
use super::parsed::{Pair, read};
use candle_core::{DType, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What an adapter file holds.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Summary {
    /// Naming of the tensors, e.g. `diffusers`; more than one for a mixed file.
    pub formats: Vec<&'static str>,
    /// Ranks that occur.
    pub ranks: Vec<usize>,
    /// The pairs, UNet first, by name.
    pub modules: Vec<ModuleSummary>,
    /// Numbers in all A and B matrices.
    pub parameters: u64,
    /// The file's own metadata.
    pub metadata: BTreeMap<String, String>,
    /// Tensors that are no part of a complete pair, with the reason.
    pub other_tensors: Vec<(String, String)>,
}

/// One pair of an adapter file.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ModuleSummary {
    /// `unet`, `text_encoder` or `text_encoder_2`.
    pub part: &'static str,
    /// Path of the layer, with dots.
    pub name: String,
    /// Width of the layer's input.
    pub in_features: usize,
    /// Width of the layer's output.
    pub out_features: usize,
    /// Inner width.
    pub rank: usize,
    /// Scale numerator.
    pub alpha: f64,
    /// Euclidean norm of A.
    pub down_norm: f64,
    /// Euclidean norm of B.
    pub up_norm: f64,
    /// Euclidean (Frobenius) norm of the whole update `scale · B A`.
    pub update_norm: f64,
}

/// Describes an adapter file; needs no model.
pub fn inspect(path: &Path) -> Result<Summary, LoraFileError> {
    let parsed = read(path)?;
    let (mut modules, mut other_tensors) = (Vec::new(), parsed.rejected.clone());
    for ((part, name), raw) in &parsed.modules {
        let name = key::with_dots(name);
        match raw.pair(&name, &parsed.alphas) {
            Ok(pair) => modules.push(
                module(*part, name, &pair).map_err(|source| LoraFileError::Tensor { path: path.to_owned(), source })?,
            ),
            Err(reason) => other_tensors.extend(raw.tensor_names().map(|tensor| (tensor.clone(), reason.clone()))),
        }
    }
    other_tensors.sort();
    Ok(Summary {
        formats: parsed.namings.iter().map(|naming| naming.name()).collect(),
        ranks: modules.iter().map(|m| m.rank).collect::<BTreeSet<_>>().into_iter().collect(),
        parameters: modules.iter().map(|m| (m.rank * (m.in_features + m.out_features)) as u64).sum(),
        modules,
        metadata: parsed.metadata,
        other_tensors,
    })
}

fn module(part: Part, name: String, pair: &Pair) -> candle_core::Result<ModuleSummary> {
    let (down, up) = (pair.down.to_dtype(DType::F64)?, pair.up.to_dtype(DType::F64)?);
    let sum = |t: &Tensor| t.sum_all()?.to_scalar::<f64>();
    // |B A|² = Σ (BᵀB) ∘ (A Aᵀ): only rank × rank matrices.
    let square = sum(&(up.t()?.matmul(&up)? * down.matmul(&down.t()?)?)?)?;
    Ok(ModuleSummary {
        part: match part {
            Part::Unet => "unet",
            Part::TextEncoder => "text_encoder",
            Part::TextEncoder2 => "text_encoder_2",
        },
        name,
        in_features: down.dims()[1],
        out_features: up.dims()[0],
        rank: pair.rank,
        alpha: pair.alpha,
        down_norm: sum(&down.sqr()?)?.sqrt(),
        up_norm: sum(&up.sqr()?)?.sqrt(),
        update_norm: pair.scale.abs() * square.max(0.0).sqrt(),
    })
}
