//! Changes of safetensors files, and small files to start from.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use fastrand::Rng;

use crate::{json, mutate, text};

/// One change: of the header, with its length put right, of the length, or of any bytes.
pub(crate) fn mutate(rng: &mut Rng, data: &mut Vec<u8>, other: &[u8]) {
    let Some((header, body)) = split(data) else { return mutate::bytes(rng, data, other) };
    let (mut header, mut body) = (header.to_vec(), body.to_vec());
    let other = split(other).map_or(&[][..], |(header, _)| header);
    match rng.u8(..10) {
        0..6 => json::mutate(rng, &mut header, other),
        6 | 7 => text::mutate(rng, &mut header, other),
        8 => mutate::bytes(rng, &mut body, &[]),
        _ => return mutate::bytes(rng, data, &[]),
    }
    *data = (header.len() as u64).to_le_bytes().into_iter().chain(header).chain(body).collect();
}

/// Header and tensors, if the length of the header is that of one.
fn split(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

/// A file of tensors with small numbers.
pub(crate) fn file<'a>(shapes: impl IntoIterator<Item = (&'a str, &'a [usize], DType)>) -> Vec<u8> {
    let tensor = |shape: &[usize], dtype| {
        let count = shape.iter().product::<usize>();
        let numbers = Tensor::arange(0f32, count as f32, &Device::Cpu)?;
        (numbers * 0.01)?.reshape(shape)?.to_dtype(dtype)
    };
    let tensors: candle_core::Result<BTreeMap<_, _>> =
        shapes.into_iter().map(|(name, shape, dtype)| Ok((name.to_owned(), tensor(shape, dtype)?))).collect();
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    runner::tensors::tensor_file::write(&tensors.expect("tensors"), &metadata).expect("a file")
}
