//! The tensors of the real base model, by its published configurations: names, shapes and numbers of parameters are
//! those of diffusers and transformers.

use runner::models::families::Family;
use runner::tensors::LoadError;

use super::*;

#[derive(serde::Deserialize)]
struct Sizes {
    tensors: usize,
    numbers: u64,
    fnv: String,
}

#[derive(serde::Deserialize)]
struct AdapterLayers {
    layers: usize,
    fnv: String,
}

/// 64-bit FNV-1a.
fn fnv(text: &str) -> String {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
}

fn lines(tensors: &[(String, Vec<usize>)]) -> String {
    tensors.iter().map(|(name, shape)| format!("{name} {shape:?}\n")).collect()
}

/// Writes the header of a file with these tensors, without data behind it beyond what the file's length needs.
fn hollow(path: &std::path::Path, tensors: &[(String, Vec<usize>)]) {
    let (mut header, mut end) = (serde_json::Map::new(), 0u64);
    for (name, shape) in tensors {
        let start = end;
        end += 2 * shape.iter().map(|side| *side as u64).product::<u64>();
        header.insert(name.clone(), serde_json::json!({"dtype": "F16", "shape": shape, "data_offsets": [start, end]}));
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    std::fs::write(path, &bytes).unwrap();
    // The data are a hole in the file, which takes no room.
    std::fs::File::options().write(true).open(path).unwrap().set_len(bytes.len() as u64 + end).unwrap();
}

#[test]
fn the_real_model_has_the_tensors_that_are_asked_for() {
    let mut sizes: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&std::fs::read(golden("sizes.json")).unwrap()).unwrap();
    let layers: AdapterLayers = serde_json::from_value(sizes.remove("adapter").unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    sdxl::write_texts(folder.path());
    let data = Family::Sdxl.data();
    let file = |part: &str| {
        let known = data.folder.parts.iter().find(|known| known.folder == part).unwrap();
        folder.path().join(part).join(format!("{}.safetensors", known.stem))
    };
    for (part, single) in data.folder.parts.iter().zip(data.single_file.parts) {
        std::fs::write(folder.path().join(part.config()), single.config).unwrap();
        hollow(&file(part.folder), &[]);
    }
    let mut asked = BTreeMap::new();
    let summary = loop {
        match Parts::open(folder.path()).and_then(|parts| parts.check()) {
            Ok(summary) => break summary,
            Err(LoadError::Tensors { file: source, problems }) => {
                let part = sizes.keys().find(|part| source.ends_with(part) || source == file(part)).unwrap();
                assert!(problems.unexpected.is_empty() && problems.misshapen.is_empty(), "{part}: {problems}");
                hollow(&file(part), &problems.missing);
                asked.insert(part.clone(), problems.missing.clone());
            }
            Err(error) => panic!("{error}"),
        }
    };
    for (part, expected) in sizes {
        let expected: Sizes = serde_json::from_value(expected).unwrap();
        let tensors = &asked[&part];
        let numbers: usize = tensors.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!((tensors.len(), numbers as u64), (expected.tensors, expected.numbers), "{part}");
        // transformers 5 writes the first text encoder's names without a prefix, older files have one.
        assert_eq!(fnv(&lines(tensors)), expected.fnv, "{part}");
        let counted = summary.part_parameters.iter().find(|(folder, _)| *folder == part).unwrap().1;
        assert_eq!(counted, expected.numbers, "{part}");
    }
    let of_unet = summary.adaptable_layers.iter().filter(|layer| layer.name.contains(".attentions."));
    let inside = of_unet.filter(|layer| layer.name.contains(".attn"));
    let names: Vec<String> = inside.map(|layer| format!("{}\n", layer.name)).collect();
    assert_eq!((names.len(), fnv(&names.concat())), (layers.layers, layers.fnv));
    assert_eq!((summary.native_size, summary.unet_multiple, summary.cross_attention_dim), (1024, 32, 2048));
}
