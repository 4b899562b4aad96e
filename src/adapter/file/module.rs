//! The tensors of a module, checked against each other.

use super::alphas::Alphas;
use crate::choice::AdapterKind;
use crate::models::delta::about;
use crate::models::delta::about::About;
use crate::models::delta::shape::Shape;
use crate::text::list;
use candle_core::{DType, Result, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// The tensors of one module, with their names in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct RawModule {
    /// Kind of adapter and place among the kind's names → name in the file and tensor.
    pub(super) tensors: BTreeMap<(AdapterKind, usize), (String, Tensor)>,
    pub(super) alpha: Option<(String, Tensor)>,
}

/// What a file adds to a module; the tensors as the file has them, on the CPU.
#[derive(Clone, Debug)]
pub(super) struct FileDelta {
    pub(super) kind: AdapterKind,
    /// In the order of the kind's names.
    pub(super) tensors: Vec<Tensor>,
    pub(super) shape: Shape,
    pub(super) alpha: f64,
    pub(super) scale: f64,
}

impl FileDelta {
    /// What the kind says about itself.
    pub(super) fn about(&self) -> &'static About {
        about(self.kind)
    }

    /// The tensors as matrices: height and width of a convolution's window are part of its input.
    pub(super) fn matrices(&self) -> Result<Vec<Tensor>> {
        self.tensors.iter().map(|tensor| tensor.flatten_from(1)).collect()
    }

    /// The shape of the tensor that has the layer's input as its second dimension.
    pub(super) fn input_shape(&self) -> &[usize] {
        self.tensors[self.about().input].dims()
    }
}

impl RawModule {
    /// The names of its tensors in the file.
    pub(super) fn tensor_names(&self) -> impl Iterator<Item = &String> {
        self.tensors.values().chain(&self.alpha).map(|(name, _)| name)
    }

    /// Checks that the tensors fit each other; `name` (with dots) looks up alpha where the file has one for all.
    pub(super) fn delta(&self, name: &str, alphas: &Alphas) -> std::result::Result<FileDelta, String> {
        let Some((kind, _)) = self.tensors.keys().next().copied() else {
            return Err("the module has an alpha but no matrices".to_owned());
        };
        let kinds: BTreeSet<AdapterKind> = self.tensors.keys().map(|(kind, _)| *kind).collect();
        if kinds.len() > 1 {
            let titles: Vec<&str> = kinds.into_iter().map(|kind| about(kind).title).collect();
            return Err(format!("the module has tensors of several kinds of adapter: {}", list(&titles)));
        }
        let mut tensors = Vec::new();
        for (place, names) in about(kind).tensors.iter().enumerate() {
            match self.tensors.get(&(kind, place)) {
                Some((_, tensor)) => tensors.push(tensor.clone()),
                None => return Err(format!("its partner, {}, is missing", names.noun)),
            }
        }
        let shapes: Vec<&[usize]> = tensors.iter().map(Tensor::dims).collect();
        let shape = (about(kind).shape)(&shapes)?;
        for matrix in &tensors {
            check_numbers(matrix)?;
        }
        let own = self.alpha.as_ref().map(|(_, alpha)| number(alpha)).transpose()?;
        let rank = shape.rank as f64;
        let alpha = match own.or_else(|| alphas.of(name)) {
            // kohya writes 0 for "the rank".
            None | Some(0.0) => rank,
            Some(alpha) if alpha.is_finite() => alpha,
            Some(alpha) => return Err(format!("alpha is {alpha}")),
        };
        let scale = if alphas.rank_stabilised { alpha / rank.sqrt() } else { alpha / rank };
        Ok(FileDelta { kind, tensors, shape, alpha, scale })
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
