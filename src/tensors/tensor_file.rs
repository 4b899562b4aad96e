//! Writing safetensors with the same bytes every time.
//!
//! The `safetensors` crate keeps metadata in a hash map, so its files differ from run to run as soon as there are
//! two metadata entries.

use candle_core::{DType, Result, Tensor, bail};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The bytes of a safetensors file: metadata and tensors in order of name.
///
/// Tensors may be f32, f16, bf16, f64, i64, u32 or u8, on any device, of any layout. Format:
/// <https://github.com/huggingface/safetensors#format>.
pub fn write(tensors: &BTreeMap<String, Tensor>, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".into(), json!(metadata));
    }
    let mut data = Vec::new();
    for (name, tensor) in tensors {
        let start = data.len();
        let dtype = append(&mut data, tensor)?;
        header
            .insert(name.clone(), json!({"dtype": dtype, "shape": tensor.dims(), "data_offsets": [start, data.len()]}));
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    // The data starts at a multiple of 8.
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = Vec::with_capacity(8 + header.len() + data.len());
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header);
    bytes.extend(data);
    Ok(bytes)
}

/// Appends the numbers, little-endian and row-major; returns safetensors' name of their type.
fn append(data: &mut Vec<u8>, tensor: &Tensor) -> Result<&'static str> {
    let flat = tensor.flatten_all()?;
    macro_rules! numbers {
        ($kind:ty, $name:literal) => {{
            flat.to_vec1::<$kind>()?.into_iter().for_each(|x| data.extend(x.to_le_bytes()));
            Ok($name)
        }};
    }
    match tensor.dtype() {
        DType::F32 => numbers!(f32, "F32"),
        DType::F16 => numbers!(half::f16, "F16"),
        DType::BF16 => numbers!(half::bf16, "BF16"),
        DType::F64 => numbers!(f64, "F64"),
        DType::I64 => numbers!(i64, "I64"),
        DType::U32 => numbers!(u32, "U32"),
        DType::U8 => numbers!(u8, "U8"),
        other => bail!("cannot write {other:?} to a safetensors file"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_safetensors_crate_reads_it_back() {
        let matrix = Tensor::arange(0f32, 6., &Device::Cpu).unwrap().reshape((2, 3)).unwrap();
        let tensors = BTreeMap::from([
            ("transposed".to_owned(), matrix.t().unwrap()),
            ("half".to_owned(), matrix.to_dtype(DType::F16).unwrap()),
            ("scalar \"quoted\"".to_owned(), Tensor::new(4i64, &Device::Cpu).unwrap()),
        ]);
        let metadata = ["b", "a", "c"].map(|k| (k.to_owned(), format!("{k} \u{e9}\n"))).into();
        let bytes = write(&tensors, &metadata).unwrap();
        assert_eq!(bytes, write(&tensors, &metadata).unwrap());
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(header.metadata().as_ref().unwrap()["a"], "a \u{e9}\n");
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(file.tensor("transposed").unwrap().shape(), [3, 2]);
        assert_eq!(file.tensor("scalar \"quoted\"").unwrap().data(), 4i64.to_le_bytes());
        let read = candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
        for (name, tensor) in tensors {
            assert_eq!(read[&name].dims(), tensor.dims());
            let bits = |t: &Tensor| t.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
            assert_eq!(bits(&read[&name]), bits(&tensor), "{name}");
        }
    }
}
