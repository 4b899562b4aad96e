//! Adapter files that people bring, and some that nobody should: names of other programs, labels, hostile headers.

use candle_core::{DType, Device, Tensor};
use runner::adapter::file::{Format, convert, inspect, load};
use runner::models::{AdaptableLayer, Role, Tokens};
use runner::tensors::tensor_file;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("adapters");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A file of f32 ones with these names and shapes.
fn file(name: &str, tensors: &[(&str, &[usize])], metadata: &[(&str, &str)]) -> PathBuf {
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
    let tensors = tensors.iter().map(|(name, shape)| ((*name).to_owned(), ones(shape))).collect();
    let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    write(name, &tensor_file::write(&tensors, &metadata).unwrap())
}

/// A file with a header as it stands, before so many bytes of zeros.
fn raw(name: &str, header: &str, data: usize) -> PathBuf {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    write(name, &bytes)
}

struct Converted {
    shapes: BTreeMap<String, Vec<usize>>,
    metadata: BTreeMap<String, String>,
}

fn converted(path: &Path, to: Format) -> Result<Converted, String> {
    let bytes = convert(path, to).map_err(|e| e.to_string())?;
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    Ok(Converted {
        shapes: file.tensors().into_iter().map(|(name, view)| (name, view.shape().to_vec())).collect(),
        metadata: header.metadata().clone().unwrap_or_default().into_iter().collect(),
    })
}

#[test]
fn convolutions_keep_their_dimensions() {
    for (layer, down, up) in [
        ("down_blocks.0.attentions.0.proj_in", [2, 64, 1, 1], [64, 2, 1, 1]),
        ("down_blocks.0.resnets.0.conv1", [2, 64, 3, 3], [64, 2, 1, 1]),
    ] {
        let flat = format!("lora_unet_{}", layer.replace('.', "_"));
        let names = ["lora_down.weight", "lora_up.weight", "alpha"].map(|role| format!("{flat}.{role}"));
        let kohya = file("conv.safetensors", &[(&names[0], &down), (&names[1], &up), (&names[2], &[])], &[]);
        let shapes = converted(&kohya, Format::Diffusers).unwrap().shapes;
        assert_eq!(shapes[&format!("unet.{layer}.lora.down.weight")], down);
        assert_eq!(shapes[&format!("unet.{layer}.lora.up.weight")], up);
        let back = write("conv_back.safetensors", &convert(&kohya, Format::Diffusers).unwrap());
        assert_eq!(converted(&back, Format::Kohya).unwrap().shapes[&names[0]], down);
        let module = &inspect(&kohya).unwrap().modules[0];
        assert_eq!((module.name.as_str(), module.in_features), (layer, down[1] * down[2] * down[3]));
        // A Frobenius norm of ones, alpha 1, rank 2.
        let all = (down[1] * down[2] * down[3] * 64) as f64;
        assert!((module.update_norm - all.sqrt()).abs() < 1e-6, "{}", module.update_norm);
    }
}

const SHAPES: (&[usize], &[usize]) = (&[2, 8], &[6, 2]);

/// A file with the pair of one layer, in the naming of `down` and `up`.
fn one_pair(down: &str, up: &str) -> PathBuf {
    file("pair.safetensors", &[(down, SHAPES.0), (up, SHAPES.1)], &[])
}

#[test]
fn names_of_other_programs_are_translated_or_refused() {
    let to_q = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q";
    for (prefix, module, roles) in [
        ("lora_unet_", "input_blocks_4_1_transformer_blocks_0_attn1_to_q", ["lora_down.weight", "lora_up.weight"]),
        ("diffusion_model.", "input_blocks.4.1.transformer_blocks.0.attn1.to_q", ["lora_A.weight", "lora_B.weight"]),
        ("diffusion_model.", to_q, ["lora_A.weight", "lora_B.weight"]),
        ("diffusion_model.", to_q, ["lora_down.weight", "lora_up.weight"]),
        ("model.diffusion_model.", to_q, ["lora.down.weight", "lora.up.weight"]),
    ] {
        let names = roles.map(|role| format!("{prefix}{module}.{role}"));
        let path = one_pair(&names[0], &names[1]);
        let diffusers = converted(&path, Format::Diffusers).unwrap().shapes;
        let expected = ["down", "up"].map(|side| format!("unet.{to_q}.lora.{side}.weight"));
        assert_eq!(diffusers.keys().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>(), "{names:?}");
        let kohya = converted(&path, Format::Kohya).unwrap().shapes;
        assert!(kohya.keys().all(|name| name.starts_with(&format!("lora_unet_{}", to_q.replace('.', "_")))));
        // The same layer when it is loaded.
        let module = AdaptableLayer {
            name: to_q.to_owned(),
            in_features: 8,
            out_features: 6,
            window: None,
            tokens: Tokens::Grid(0),
            role: Role::Attention,
        };
        assert_eq!(load(&path, &[module], 1.0, &Device::Cpu).unwrap().iter().next().unwrap().0, to_q);
    }
    for module in [
        "lora_unet_double_blocks_0_img_attn_qkv",
        "lora_unet_input_blocks_99_1_proj_in",
        "lora_unet_diffusion_model_down_blocks_0_resnets_0_conv1",
        "lora_te2_transformer_resblocks_0_attn_out_proj",
    ] {
        let names = ["lora_down.weight", "lora_up.weight"].map(|role| format!("{module}.{role}"));
        let path = one_pair(&names[0], &names[1]);
        for to in [Format::Diffusers, Format::Kohya] {
            let error = converted(&path, to).err().unwrap();
            assert!(error.contains(&names[0]) && error.contains("no layer of Stable Diffusion"), "{error}");
        }
        assert!(inspect(&path).is_ok());
    }
}

#[test]
fn one_layer_under_two_names_is_refused() {
    let names = ["input_blocks_1_1_proj_in", "down_blocks_0_attentions_0_proj_in"]
        .map(|module| ["lora_down.weight", "lora_up.weight"].map(|role| format!("lora_unet_{module}.{role}")));
    let [a, b] = &names;
    let tensors = [(&a[0], SHAPES.0), (&a[1], SHAPES.1), (&b[0], SHAPES.0), (&b[1], SHAPES.1)];
    let path = file("twice.safetensors", &tensors.map(|(name, shape)| (name.as_str(), shape)), &[]);
    assert!(converted(&path, Format::Diffusers).err().unwrap().contains("twice"));
}

#[test]
fn a_kohya_file_is_labelled_as_what_it_is_for() {
    let label = |width: usize, extra: &[(&str, &[usize])], metadata: &[(&str, &str)]| {
        let module = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora";
        let (down, up) = (format!("{module}.down.weight"), format!("{module}.up.weight"));
        let down_shape = [2, width];
        let mut tensors: Vec<(&str, &[usize])> = vec![(&down, &down_shape), (&up, &[640, 2])];
        tensors.extend(extra);
        let made = converted(&file("label.safetensors", &tensors, metadata), Format::Kohya).unwrap().metadata;
        let get = |key: &str| made.get(key).cloned().unwrap_or_default();
        [get("ss_base_model_version"), get("ss_v2"), get("modelspec.architecture")]
    };
    assert_eq!(label(768, &[], &[]), ["sd_v1", "False", "stable-diffusion-v1/lora"]);
    assert_eq!(label(1024, &[], &[]), ["sd_v2", "True", ""]);
    assert_eq!(label(2048, &[], &[]), ["sdxl_base_v1-0", "False", "stable-diffusion-xl-v1-base/lora"]);
    assert_eq!(label(128, &[], &[]), ["", "", ""]);
    let v = [("modelspec.prediction_type", "v")];
    assert_eq!(label(1024, &[], &v), ["sd_v2_v", "True", "stable-diffusion-v2-768-v/lora"]);
    // What this program wrote into such files before.
    let wrong = [("ss_base_model_version", "sd_v1"), ("ss_v2", "False")];
    assert_eq!(label(1024, &[], &wrong), ["sd_v2", "True", ""]);
    assert_eq!(label(768, &[], &[("ss_base_model_version", "sd_v1-5")])[0], "sd_v1-5");
    let layer = "text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer";
    let (down, up) = (format!("{layer}.down.weight"), format!("{layer}.up.weight"));
    assert_eq!(label(64, &[(&down, &[2, 64]), (&up, &[64, 2])], &[])[0], "sdxl_base_v1-0");
}

#[test]
fn the_first_text_encoder_is_called_as_its_model_needs() {
    let layer = "text_model_encoder_layers_0_self_attn_q_proj";
    let names = |prefixes: &[&str]| {
        let pairs = prefixes.iter().flat_map(|prefix| {
            [("lora_down.weight", SHAPES.0), ("lora_up.weight", SHAPES.1)]
                .map(|(role, shape)| (format!("{prefix}_{layer}.{role}"), shape))
        });
        let pairs: Vec<_> = pairs.collect();
        let tensors: Vec<_> = pairs.iter().map(|(name, shape)| (name.as_str(), *shape)).collect();
        let path = file("te.safetensors", &tensors, &[]);
        let shapes = converted(&path, Format::Kohya).unwrap().shapes;
        let prefixes: Vec<String> = shapes
            .keys()
            .filter_map(|name| Some(name.strip_suffix(".alpha")?.split("_text").next()?.to_owned()))
            .collect();
        prefixes.join(" ")
    };
    assert_eq!(names(&["lora_te1", "lora_te2"]), "lora_te1 lora_te2");
    assert_eq!(names(&["lora_te", "lora_te2"]), "lora_te1 lora_te2");
    assert_eq!(names(&["lora_te"]), "lora_te");
    assert_eq!(names(&["lora_te1"]), "lora_te1");
}

#[test]
fn what_a_conversion_makes_untrue_is_not_carried_over() {
    let module = "lora_unet_mid_block_attentions_0_proj_in";
    let names = ["lora_down.weight", "lora_up.weight", "alpha"].map(|role| format!("{module}.{role}"));
    let metadata = [("ss_network_alpha", "1"), ("ss_network_dim", "64"), ("sshs_model_hash", "0123"), ("ss_seed", "7")];
    let tensors: [(&str, &[usize]); 3] = [(&names[0], SHAPES.0), (&names[1], SHAPES.1), (&names[2], &[])];
    let path = file("stale.safetensors", &tensors, &metadata);
    let diffusers = converted(&path, Format::Diffusers).unwrap().metadata;
    assert!(!diffusers.contains_key("ss_network_alpha") && !diffusers.contains_key("sshs_model_hash"));
    assert_eq!(diffusers["ss_seed"], "7");
    let kohya = converted(&path, Format::Kohya).unwrap().metadata;
    assert_eq!((kohya["ss_network_dim"].as_str(), kohya["ss_network_alpha"].as_str()), ("2", "1"));
}

#[test]
fn an_alpha_that_does_not_fit_is_refused() {
    let module = "lora_unet_mid_block_attentions_0_proj_in";
    let with = |alpha: f64| {
        let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
        let tensors = BTreeMap::from([
            (format!("{module}.lora_down.weight"), ones(SHAPES.0)),
            (format!("{module}.lora_up.weight"), ones(SHAPES.1)),
            (format!("{module}.alpha"), Tensor::new(alpha, &Device::Cpu).unwrap()),
        ]);
        write("alpha.safetensors", &tensor_file::write(&tensors, &BTreeMap::new()).unwrap())
    };
    assert!(converted(&with(1e300), Format::Diffusers).err().unwrap().contains("not finite"));
    assert!(converted(&with(1e300), Format::Kohya).err().unwrap().contains("cannot be written"));
    // 0 would mean "the rank".
    assert!(converted(&with(1e-60), Format::Kohya).err().unwrap().contains("other than 0"));
    assert!(converted(&with(0.5), Format::Kohya).is_ok());
}

#[test]
fn work_and_memory_follow_the_size_of_the_file() {
    let begun = Instant::now();
    let names =
        ["unet.mid_block.attentions.0.proj_in.lora.down.weight", "unet.mid_block.attentions.0.proj_in.lora.up.weight"];
    // 800 kB; rank × rank in f64 would be 80 GB.
    let path = file("rank.safetensors", &[(names[0], &[100_000, 1]), (names[1], &[1, 100_000])], &[]);
    assert_eq!(inspect(&path).unwrap().modules[0].update_norm, 100_000.0);
    assert_eq!(converted(&path, Format::Kohya).unwrap().metadata["ss_network_dim"], "100000");
    // Shapes without numbers: rank × rank would be 2^64.
    let tensor =
        |name: &str, shape: &str| format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[0,0]}}"#);
    let header = format!("{{{},{}}}", tensor(names[0], "[4294967296,0]"), tensor(names[1], "[0,4294967296]"));
    let empty = raw("empty.safetensors", &header, 0);
    assert!(inspect(&empty).unwrap().other_tensors[0].1.contains("holds no numbers"));
    assert!(converted(&empty, Format::Kohya).err().unwrap().contains("holds no numbers"));
    // Many tensors, none of which fits.
    let entry = |i: usize| {
        format!(r#""unet.block{i}.to_q.lora.down.weight":{{"dtype":"F32","shape":[1,0],"data_offsets":[0,0]}}"#)
    };
    let many = format!("{{{}}}", (0..50_000).map(entry).collect::<Vec<_>>().join(","));
    let many = raw("many.safetensors", &many, 0);
    assert_eq!(inspect(&many).unwrap().other_tensors.len(), 50_000);
    let error = converted(&many, Format::Diffusers).err().unwrap();
    assert!(error.contains("50000 of 50000") && error.len() < 5_000, "{error}");
    // One very long name.
    let long =
        format!(r#"{{"{}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#, "lora_unet_".repeat(1_000_000));
    let error = converted(&raw("long.safetensors", &long, 4), Format::Kohya).err().unwrap();
    assert!(error.len() < 1_000, "{} characters", error.len());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn headers_that_lie_are_refused() {
    let name = "unet.mid_block.attentions.0.proj_in.lora.down.weight";
    let entry =
        |shape: &str, offsets: &str| format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}"#);
    let other = r#""x":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}"#;
    for (what, header, data, reason) in [
        (
            "a shape larger than the file",
            format!("{{{}}}", entry("[4294967296,4294967296]", "[0,8]")),
            8,
            "safetensors",
        ),
        ("a shape beyond numbers", format!("{{{}}}", entry("[18446744073709551615,2]", "[0,8]")), 8, "safetensors"),
        ("an end beyond the file", format!("{{{}}}", entry("[4]", "[0,16]")), 8, "safetensors"),
        ("an end before its start", format!("{{{}}}", entry("[2]", "[8,0]")), 8, "safetensors"),
        ("two tensors that overlap", format!("{{{},{other}}}", entry("[2]", "[0,8]")), 12, "safetensors"),
        ("a hole", format!("{{{}}}", entry("[2]", "[8,16]")), 16, "safetensors"),
        ("bytes of nobody", format!("{{{}}}", entry("[2]", "[0,8]")), 16, "safetensors"),
        ("two tensors of one name", format!("{{{},{}}}", entry("[2,1]", "[0,8]"), entry("[1,2]", "[0,8]")), 8, "twice"),
        ("a negative shape", format!("{{{}}}", entry("[-1]", "[0,8]")), 8, "safetensors"),
        ("no header", "[]".to_owned(), 0, "safetensors"),
    ] {
        let path = raw("lie.safetensors", &header, data);
        let error = inspect(&path).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("lie.safetensors"), "{what}: {error}");
        assert!(convert(&path, Format::Kohya).is_err() && load(&path, &[], 1.0, &Device::Cpu).is_err(), "{what}");
    }
}

#[test]
fn a_matrix_of_whole_numbers_is_refused() {
    let module = "unet.mid_block.attentions.0.proj_in.lora";
    let tensors = ["down", "up"]
        .map(|side| (format!("{module}.{side}.weight"), Tensor::ones((2, 2), DType::I64, &Device::Cpu).unwrap()));
    let path = write("whole.safetensors", &tensor_file::write(&tensors.into(), &BTreeMap::new()).unwrap());
    assert!(converted(&path, Format::Kohya).err().unwrap().contains("is of type I64"));
}

#[test]
#[cfg(unix)]
fn what_is_no_ordinary_file_is_not_read() {
    let error = inspect(Path::new("/dev/zero")).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("/dev/zero") && error.contains("no ordinary file"), "{error}");
}
