//! Hashes of an adapter's tensors, as sd-scripts writes them into its files and A1111 computes them.

use crate::tensors::tensor_file;
use candle_core::{Result, Tensor};
use ring::digest::{SHA256, digest};
use std::collections::BTreeMap;

/// Where the older hash begins in a file, and how many bytes it sees.
const LEGACY: (usize, usize) = (0x10_0000, 0x1_0000);

/// `sshs_model_hash` (the SHA-256 of the tensors' bytes), `sshs_legacy_hash` (of a piece of the file with no other
/// metadata than sd-scripts' own) and ModelSpec's `hash_sha256`, by their names.
/// <https://github.com/kohya-ss/sd-scripts/blob/6a584cad40e487069678a12d4b584b0e154ecfdc/library/train_util.py>
/// (`precalculate_safetensors_hashes`, `addnet_hash_legacy`)
pub(super) fn of(
    tensors: &BTreeMap<String, Tensor>,
    metadata: &BTreeMap<String, String>,
) -> Result<[(String, String); 3]> {
    let own =
        metadata.iter().filter(|(key, _)| key.starts_with("ss_")).map(|(key, value)| (key.clone(), value.clone()));
    let file = tensor_file::write(tensors, &own.collect())?;
    let header = file.get(..8).and_then(|length| Some(u64::from_le_bytes(length.try_into().ok()?)));
    let start = 8 + header.map_or(0, |length| length as usize);
    let data = hex(file.get(start..).unwrap_or_default());
    let piece = file.get(LEGACY.0.min(file.len())..(LEGACY.0 + LEGACY.1).min(file.len())).unwrap_or_default();
    Ok([
        ("sshs_model_hash".to_owned(), data.clone()),
        ("sshs_legacy_hash".to_owned(), hex(piece)[..8].to_owned()),
        ("modelspec.hash_sha256".to_owned(), format!("0x{data}")),
    ])
}

fn hex(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
