//! Headers of safetensors files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use candle_core::DType;
use serde::Deserialize;

use crate::tensors::LoadError;
use crate::tensors::looks::looks_like;
use crate::tensors::unique_names::first_duplicate;

/// A header larger than this is refused. Stable Diffusion 1.5's UNet has one of 90 kB.
const MAX_HEADER: u64 = 16 << 20;

/// Where a tensor lies and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) shard: usize,
    /// The safetensors name of the type: `F32`, `BF16`, …
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    /// Whether the matrix lies in the file as its transpose; `shape` is that of the matrix.
    pub(crate) transposed: bool,
    pub(crate) start: u64,
    pub(crate) bytes: u64,
}

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
}

/// The candle type of a safetensors type that can hold weights.
pub(crate) fn float_type(name: &str) -> Option<DType> {
    match name {
        "F64" => Some(DType::F64),
        "F32" => Some(DType::F32),
        "F16" => Some(DType::F16),
        "BF16" => Some(DType::BF16),
        _ => None,
    }
}

fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F64" | "I64" | "U64" | "C64" => 64,
        "F32" | "I32" | "U32" => 32,
        "F16" | "BF16" | "I16" | "U16" => 16,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "F6_E2M3" | "F6_E3M2" => 6,
        "F4" => 4,
        _ => return None,
    })
}

/// What the beginning of a file says.
pub(crate) struct Header {
    pub(crate) entries: BTreeMap<String, Entry>,
    /// The texts of `__metadata__`.
    pub(crate) metadata: BTreeMap<String, String>,
    /// The bytes that were read, from the first of the file on.
    pub(crate) bytes: Vec<u8>,
}

/// Reads and checks a header: sizes agree with shapes, and the tensors fill the file exactly, without overlap.
pub(crate) fn read_header(file: &Path, shard: usize) -> Result<Header, LoadError> {
    let unreadable = |source| LoadError::Read { file: file.to_owned(), source };
    let invalid = |reason: String| LoadError::Invalid { file: file.to_owned(), reason };
    let short = |expected, actual| LoadError::WrongLength { file: file.to_owned(), expected, actual };

    let mut open = File::open(file).map_err(unreadable)?;
    let length = open.metadata().map_err(unreadable)?.len();
    let mut bytes = Vec::new();
    open.by_ref().take(512).read_to_end(&mut bytes).map_err(unreadable)?;
    // The JSON of a header begins at byte 8, which is so in no other kind of file.
    if bytes.get(8) != Some(&b'{')
        && let Some(what) = looks_like(&bytes, file)
    {
        return Err(invalid(what));
    }
    let Some(size) = bytes.first_chunk().copied().map(u64::from_le_bytes) else {
        return Err(short(8, length));
    };
    if size > MAX_HEADER {
        return Err(invalid(if bytes[..8].iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
            let begin: String =
                bytes.iter().take(40).map(|byte| char::from(*byte)).filter(|c| !c.is_control()).collect();
            format!("it is some text, not a safetensors file; it begins with {begin:?}")
        } else {
            format!(
                "it is not a safetensors file: its first 8 bytes give a header of {size} bytes, more than any model has"
            )
        }));
    }
    if size + 8 > length {
        return Err(short(size + 8, length));
    }
    let read = bytes.len() as u64;
    bytes.truncate(size as usize + 8);
    open.take((size + 8).saturating_sub(read)).read_to_end(&mut bytes).map_err(unreadable)?;
    if let Some(name) = first_duplicate(&bytes[8..]) {
        return Err(invalid(format!("its header names the tensor {name:?} twice")));
    }
    let header: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&bytes[8..]).map_err(|e| invalid(format!("its header is not JSON: {e}")))?;

    let mut entries = BTreeMap::new();
    let mut metadata = BTreeMap::new();
    let mut spans = Vec::new();
    for (name, value) in header {
        if name == "__metadata__" {
            let texts = value.as_object().into_iter().flatten();
            metadata = texts.filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))).collect();
            continue;
        }
        let info: Info = serde_json::from_value(value).map_err(|_| {
            invalid(format!("the entry of tensor {name:?} is not `dtype`, `shape` and two `data_offsets`"))
        })?;
        let (start, end) = info.data_offsets;
        let bits = bits(&info.dtype).ok_or_else(|| invalid(format!("tensor {name:?} has type {:?}", info.dtype)))?;
        let bytes = info.shape.iter().try_fold(bits, |n, d| n.checked_mul(*d as u64)).map(|bits| bits.div_ceil(8));
        if start > end || end > length || bytes != Some(end - start) {
            // A shorter file than the header says is the usual damage, with its own message.
            if start <= end && bytes == Some(end - start) && end < u64::MAX / 2 {
                return Err(short(end + 8 + size, length));
            }
            return Err(invalid(format!(
                "tensor {name:?} of type {} and shape {:?} cannot lie at bytes {start}..{end}",
                info.dtype, info.shape
            )));
        }
        spans.push((start, end));
        let start = 8 + size + start;
        entries.insert(
            name,
            Entry {
                shard,
                dtype: info.dtype,
                shape: info.shape,
                transposed: false,
                start,
                bytes: end - info.data_offsets.0,
            },
        );
    }
    spans.sort_unstable();
    let mut filled = 0;
    for (start, end) in spans {
        if start != filled {
            return Err(invalid(format!("its tensors overlap or leave a hole at byte {filled} of the data")));
        }
        filled = end;
    }
    let expected = filled + 8 + size;
    if expected != length {
        return Err(short(expected, length));
    }
    Ok(Header { entries, metadata, bytes })
}
