//! Safetensors files and their indexes: headers, and the tensors they promise.

use candle_core::{DType, Device};
use runner::tensors::Weights;

use crate::files::Files;
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;
use crate::tensors::file;

#[test]
fn weights() {
    let files = Files::new();
    let types = [DType::F32, DType::F16, DType::BF16, DType::F64, DType::I64, DType::U8, DType::U32];
    let names = ["conv.weight", "conv.bias", "half", "a.b.c", "counts", "bytes", ""];
    let mixed = file(names.into_iter().zip(types).map(|(name, dtype)| (name, &[2, 3][..], dtype)));
    let odd = file([("scalar", &[][..], DType::F32), ("empty", &[0, 4], DType::F32), ("long", &[1; 9], DType::F32)]);
    let index =
        br#"{"metadata": {"total_size": 8}, "weight_map": {"a": "part.safetensors", "b": "other.safetensors"}}"#;
    let target = Target {
        name: "weights",
        parts: &[Kind::Tensors, Kind::Tensors, Kind::Json],
        seeds: vec![vec![mixed, odd, index.to_vec()]],
        inputs: 8000,
        memory: MEMORY,
    };
    fuzz(target, |input| {
        files.put("part.safetensors", &input[0]);
        files.put("other.safetensors", &input[1]);
        files.put("model.safetensors.index.json", &input[2]);
        let set = Weights::open_folder(files.folder(), "model");
        let single = Weights::open(&files.path("part.safetensors"));
        let mut said = String::new();
        for weights in [set, single] {
            let weights = match weights {
                Ok(weights) => weights,
                Err(error) => {
                    said += &error.to_string();
                    continue;
                }
            };
            for (name, shape) in weights.shapes() {
                match weights.read(name, &Device::Cpu, DType::F32) {
                    Ok(tensor) => assert_eq!(tensor.expect("it is listed").dims(), shape),
                    Err(error) => said += &error.to_string(),
                }
            }
            let renamed = weights.rename(|name| name.split_once('.').map(|(_, rest)| rest.to_owned()));
            let split = renamed.and_then(|weights| {
                weights.split_rows(|name| name.strip_prefix("weight").map(|rest| vec![format!("q{rest}"), "k".into()]))
            });
            said += &split.map_or_else(|error| error.to_string(), |_| "read".to_owned());
        }
        said
    });
}
