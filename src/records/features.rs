//! `features.json` and `features.safetensors` of a `features` artifact: what an encoder made of pictures and texts.
//!
//! The tensors are `images` and, where the list names them, `mirrored`, `masked` and `texts`: f32, one row for each
//! entry, of unit length.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

/// The name of the list.
pub const FILE: &str = "features.json";
/// The name of the file with the tensors.
pub const TENSORS: &str = "features.safetensors";
/// The format that this program writes and reads.
pub const FORMAT: u32 = 1;
/// So far a feature may be from unit length.
const TOLERANCE: f64 = 1e-3;

/// A feature: a direction in the encoder's space, of unit length.
pub type Feature = Vec<f32>;

/// The content of `features.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureList {
    /// [`FORMAT`] of the program that wrote it.
    pub format: u32,
    /// The number of components of a feature.
    pub dim: usize,
    /// The pictures by their files in the source artifact, in the order of the rows.
    pub images: Vec<String>,
    /// Whether there are features of the mirrored pictures, too, in the same order.
    pub mirrored: bool,
    /// The pictures of which there are features without their background, too, in the order of the rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<String>,
    /// The texts, in the order of the rows.
    pub texts: Vec<String>,
}

/// The content of both files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureSet {
    /// The features of the pictures, by file.
    pub images: BTreeMap<String, Feature>,
    /// Those of the mirrored pictures, by the file of the picture.
    pub mirrored: BTreeMap<String, Feature>,
    /// Those of the pictures without their background, by the file of the picture.
    pub masked: BTreeMap<String, Feature>,
    /// Those of the texts, in order.
    pub texts: Vec<Feature>,
}

impl FeatureSet {
    /// Reads and checks both files.
    ///
    /// # Errors
    /// Says what is not as this program writes it: another format, a missing tensor, a shape that does not fit the
    /// list, a row that is not finite or not of unit length.
    pub fn parse(list: &[u8], tensors: &[u8]) -> Result<Self, String> {
        let list: FeatureList = serde_json::from_slice(list).map_err(|error| format!("{FILE}: {error}"))?;
        if list.format != FORMAT {
            return Err(format!("{FILE} has format {}, and this program reads format {FORMAT}", list.format));
        }
        let tensors = candle_core::safetensors::load_buffer(tensors, &Device::Cpu);
        let tensors = tensors.map_err(|error| format!("{TENSORS}: {error}"))?;
        let rows = |name: &str, count: usize| {
            let tensor = tensors.get(name).ok_or_else(|| format!("{TENSORS} has no `{name}`"))?;
            rows(tensor, count, list.dim).map_err(|reason| format!("`{name}` of {TENSORS} {reason}"))
        };
        let by_file = |rows: Vec<Feature>| list.images.iter().cloned().zip(rows).collect();
        let images: BTreeMap<_, _> = by_file(rows("images", list.images.len())?);
        if images.len() != list.images.len() {
            return Err(format!("{FILE} names a picture twice"));
        }
        let mirrored = if list.mirrored { by_file(rows("mirrored", list.images.len())?) } else { BTreeMap::new() };
        let masked = if list.masked.is_empty() { Vec::new() } else { rows("masked", list.masked.len())? };
        let masked = list.masked.iter().cloned().zip(masked).collect();
        let texts = if list.texts.is_empty() { Vec::new() } else { rows("texts", list.texts.len())? };
        Ok(Self { images, mirrored, masked, texts })
    }
}

fn rows(tensor: &Tensor, count: usize, dim: usize) -> Result<Vec<Feature>, String> {
    if tensor.dtype() != DType::F32 || tensor.dims() != [count, dim] {
        return Err(format!("is {:?} {:?} instead of F32 [{count}, {dim}]", tensor.dtype(), tensor.dims()));
    }
    let rows = tensor.to_vec2::<f32>().map_err(|error| error.to_string())?;
    let length = |row: &Feature| row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
    // The length is no number if one of the row's numbers is none.
    let is_unit = |row: &Feature| (length(row) - 1.0).abs() <= TOLERANCE;
    match rows.iter().position(|row| !is_unit(row)) {
        Some(row) => Err(format!("has length {} in row {row} instead of 1", length(&rows[row]))),
        None => Ok(rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensors::tensor_file;

    fn files(images: &[f32], list: &FeatureList) -> (Vec<u8>, Vec<u8>) {
        let tensor = |rows: &[f32]| Tensor::from_vec(rows.to_vec(), (rows.len() / 2, 2), &Device::Cpu).unwrap();
        let mut tensors = BTreeMap::from([("images".to_owned(), tensor(images))]);
        if !list.texts.is_empty() {
            tensors.insert("texts".to_owned(), tensor(&[0.0, 1.0]));
        }
        (serde_json::to_vec(list).unwrap(), tensor_file::write(&tensors, &BTreeMap::new()).unwrap())
    }

    #[test]
    fn features_are_read_and_checked() {
        let list = FeatureList {
            format: FORMAT,
            dim: 2,
            images: vec!["a".into(), "b".into()],
            mirrored: false,
            masked: Vec::new(),
            texts: vec!["a figurine".into()],
        };
        let good = [0.6, 0.8, 1.0, 0.0];
        let (json, tensors) = files(&good, &list);
        let set = FeatureSet::parse(&json, &tensors).unwrap();
        assert_eq!((set.images["a"].as_slice(), set.texts.len()), (&[0.6, 0.8][..], 1));
        let fails = |images: &[f32], list: &FeatureList| {
            let (json, tensors) = files(images, list);
            FeatureSet::parse(&json, &tensors).unwrap_err()
        };
        assert!(fails(&good, &FeatureList { format: 2, ..list.clone() }).contains("reads format 1"));
        assert!(fails(&good, &FeatureList { dim: 3, ..list.clone() }).contains("instead of F32 [2, 3]"));
        assert!(fails(&good, &FeatureList { mirrored: true, ..list.clone() }).contains("has no `mirrored`"));
        assert!(fails(&good, &FeatureList { masked: vec!["a".into()], ..list.clone() }).contains("has no `masked`"));
        assert!(fails(&good, &FeatureList { images: vec!["a".into(), "a".into()], ..list.clone() }).contains("twice"));
        assert!(fails(&[0.6, 0.8, 1.0, 0.1], &list).contains("in row 1"));
        assert!(fails(&[f32::NAN, 0.8, 1.0, 0.0], &list).contains("in row 0"));
    }
}
