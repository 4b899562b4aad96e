use super::*;

fn write(folder: &Path, name: &str, header: &str, data: &[u8]) -> PathBuf {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

const ONE: &str = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;

fn two_floats() -> Vec<u8> {
    [1.5f32, -2.0].iter().flat_map(|f| f.to_le_bytes()).collect()
}

#[test]
fn reads_and_converts() {
    let dir = tempfile::tempdir().unwrap();
    let weights = Weights::open(&write(dir.path(), "x.safetensors", ONE, &two_floats())).unwrap();
    let a = weights.read("a", &Device::Cpu, DType::BF16).unwrap().unwrap();
    assert_eq!(a.dtype(), DType::BF16);
    assert_eq!(a.to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap(), [1.5, -2.0]);
    assert!(weights.read("b", &Device::Cpu, DType::F32).unwrap().is_none());
}

#[test]
fn cut_file_names_both_lengths() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "x.safetensors", ONE, &two_floats()[..5]);
    let actual = std::fs::metadata(&file).unwrap().len();
    let message = Weights::open(&file).unwrap_err().to_string();
    assert!(message.contains(&format!("should have {} bytes", actual + 3)), "{message}");
    assert!(message.contains(&format!("has {actual}")) && message.contains("x.safetensors"), "{message}");
    for cut in [4, 20] {
        let bytes = std::fs::read(&file).unwrap();
        std::fs::write(dir.path().join("y.safetensors"), &bytes[..cut]).unwrap();
        let error = Weights::open(&dir.path().join("y.safetensors")).unwrap_err();
        assert!(matches!(error, LoadError::WrongLength { .. }), "{error}");
    }
}

#[test]
fn hostile_headers_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let huge = dir.path().join("huge.safetensors");
    std::fs::write(&huge, [u64::MAX.to_le_bytes(), [0; 8]].concat()).unwrap();
    assert!(Weights::open(&huge).is_err());
    for header in [
        "[]",
        "{",
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[18446744073709551615,18446744073709551615]}}"#,
    ] {
        let file = write(dir.path(), "bad.safetensors", header, &two_floats());
        assert!(matches!(Weights::open(&file), Err(LoadError::Invalid { .. })), "{header}");
    }
}

#[test]
fn folder_choices() {
    let dir = tempfile::tempdir().unwrap();
    let none = Weights::open_folder(dir.path(), "model").unwrap_err().to_string();
    assert!(none.contains("has no model.safetensors"), "{none}");
    std::fs::write(dir.path().join("pytorch_model.bin"), b"x").unwrap();
    let pickle = Weights::open_folder(dir.path(), "model").unwrap_err().to_string();
    assert!(pickle.contains("pickle") && pickle.contains("AutoModel"), "{pickle}");

    write(dir.path(), "model.fp16.safetensors", ONE, &two_floats());
    assert!(Weights::open_folder(dir.path(), "model").unwrap().source().ends_with("model.fp16.safetensors"));

    let second = ONE.replace("\"a\"", "\"b\"");
    write(dir.path(), "model-00001-of-00002.safetensors", ONE, &two_floats());
    write(dir.path(), "model-00002-of-00002.safetensors", &second, &two_floats());
    let index = r#"{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#;
    std::fs::write(dir.path().join("model.safetensors.index.json"), index).unwrap();
    let weights = Weights::open_folder(dir.path(), "model").unwrap();
    assert_eq!(weights.shapes().map(|(n, _)| n).collect::<Vec<_>>(), ["a", "b"]);

    let escape = r#"{"weight_map":{"a":"../secret.safetensors"}}"#;
    std::fs::write(dir.path().join("model.safetensors.index.json"), escape).unwrap();
    assert!(matches!(Weights::open_folder(dir.path(), "model"), Err(LoadError::Invalid { .. })));
}

#[test]
fn rename_refuses_collisions() {
    let dir = tempfile::tempdir().unwrap();
    let header =
        r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#;
    let file = write(dir.path(), "x.safetensors", header, &[1, 2]);
    assert!(Weights::open(&file).unwrap().rename(|_| Some("c".to_owned())).is_err());
    let renamed = Weights::open(&file).unwrap().rename(|n| (n == "b").then(|| "c".to_owned())).unwrap();
    assert!(renamed.contains("c") && !renamed.contains("a"));
    assert!(renamed.read("c", &Device::Cpu, DType::F32).unwrap_err().to_string().contains("U8"));
}

#[test]
fn lists_of_shards_are_taken_at_their_word() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["00001", "00002"].map(|n| format!("model-{n}-of-00002.safetensors"));
    let list =
        |name: &str, map: &str| std::fs::write(dir.path().join(name), format!(r#"{{"weight_map":{map}}}"#)).unwrap();
    let open = || Weights::open_folder(dir.path(), "model");
    let both = |a: &str, b: &str| format!(r#"{{"a":"{a}","b":"{b}"}}"#);
    let two = |bytes: [f32; 2]| bytes.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    write(dir.path(), &first, ONE, &two([1.0, 2.0]));
    list("model.safetensors.index.json", &both(&first, &second));

    let error = open().unwrap_err().to_string();
    assert!(error.contains(&format!("has no {second}")) && error.contains("index.json names it"), "{error}");

    // Both files have both tensors: the list says which ones count.
    let pair = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                   "b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    write(dir.path(), &first, pair, &two([1.0, 2.0]));
    write(dir.path(), &second, pair, &two([3.0, 4.0]));
    let value = |weights: &Weights, name: &str| {
        weights.read(name, &Device::Cpu, DType::F32).unwrap().unwrap().to_vec1::<f32>().unwrap()[0]
    };
    let weights = open().unwrap();
    assert_eq!((value(&weights, "a"), value(&weights, "b")), (1.0, 4.0));
    list("model.safetensors.index.json", &both(&second, &first));
    let weights = open().unwrap();
    assert_eq!((value(&weights, "a"), value(&weights, "b")), (3.0, 2.0));

    // A tensor that the list does not have may be in one file only.
    list("model.safetensors.index.json", &format!(r#"{{"a":"{first}","c":"{second}"}}"#));
    assert!(open().unwrap_err().to_string().contains("also in another file"));
    write(dir.path(), &second, ONE, &two([3.0, 4.0]));
    let error = open().unwrap_err().to_string();
    assert!(error.contains("says that tensor \"c\" is in model-00002-of-00002.safetensors"), "{error}");
    for outside in ["../x.safetensors", "/etc/x.safetensors", "C:x.safetensors", "x.bin", "a\\\\x.safetensors"] {
        list("model.safetensors.index.json", &format!(r#"{{"a":"{outside}"}}"#));
        let error = open().unwrap_err().to_string();
        assert!(error.contains("is not the name of a safetensors file in the same folder"), "{outside}: {error}");
    }
}

#[test]
fn variants_are_read_where_there_is_no_full_precision() {
    for (index, shard) in [
        ("model.safetensors.index.fp16.json", "model.fp16-00001-of-00001.safetensors"),
        ("model.fp16.safetensors.index.json", "model-00001-of-00001.fp16.safetensors"),
        ("model.safetensors.index.bf16.json", "model.bf16-00001-of-00001.safetensors"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), shard, ONE, &two_floats());
        std::fs::write(dir.path().join(index), format!(r#"{{"weight_map":{{"a":"{shard}"}}}}"#)).unwrap();
        assert!(Weights::open_folder(dir.path(), "model").unwrap().source().ends_with(index));
        // One file in full precision comes before all variants.
        write(dir.path(), "model.safetensors", ONE, &two_floats());
        assert!(Weights::open_folder(dir.path(), "model").unwrap().source().ends_with("model.safetensors"));
    }
}

#[test]
fn a_matrix_is_read_transposed() {
    let dir = tempfile::tempdir().unwrap();
    let header = r#"{"m":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
                     "v":{"dtype":"F32","shape":[1],"data_offsets":[24,28]}}"#;
    let bytes: Vec<u8> = [1f32, 2., 3., 4., 5., 6., 7.].iter().flat_map(|value| value.to_le_bytes()).collect();
    let file = write(dir.path(), "x.safetensors", header, &bytes);
    let weights = Weights::open(&file).unwrap().transpose("m").transpose("v").transpose("none");
    assert_eq!(weights.shapes().collect::<Vec<_>>(), [("m", &[3, 2][..]), ("v", &[1])]);
    let matrix = weights.read("m", &Device::Cpu, DType::F32).unwrap().unwrap();
    assert_eq!(matrix.to_vec2::<f32>().unwrap(), [[1., 4.], [2., 5.], [3., 6.]]);
}
