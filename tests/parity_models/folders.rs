//! What can be said about a folder, and folders that are refused.

use super::*;

#[test]
fn summary() {
    let sd2 = Parts::open(&folder("sd2")).and_then(|parts| parts.check()).unwrap();
    assert_eq!((sd2.latent_channels, sd2.vae_scale_factor, sd2.unet_multiple), (4, 4, 16));
    let in_unet = sd2.adaptable_layers.iter().filter(|layer| !layer.name.starts_with("text_encoder."));
    let attention = in_unet.filter(|layer| layer.is_in(Targets::Attention)).count();
    assert!(attention % 8 == 0 && attention < sd2.adaptable_layers.len());
    let toy = Parts::open(&folder("toyworld")).and_then(|parts| parts.check()).unwrap();
    assert_eq!((toy.vae_scale_factor, toy.unet_multiple, toy.cross_attention_dim), (8, 32, 128));
    // Half the bytes of the file less its header, and what diffusers counts.
    assert_eq!(toy.part_parameters[0], ("unet", 14_060_644));
}

/// A copy of the small model to damage.
fn copy(name: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in walkdir::WalkDir::new(folder(name)).into_iter().map(Result::unwrap) {
        let to = dir.path().join(entry.path().strip_prefix(folder(name)).unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(to).unwrap();
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
    dir
}

const UNET: &str = "unet/diffusion_pytorch_model.safetensors";

fn change(file: &Path, edit: impl FnOnce(&mut HashMap<String, Tensor>)) {
    let mut tensors = candle_core::safetensors::load(file, &Device::Cpu).unwrap();
    edit(&mut tensors);
    candle_core::safetensors::save(&tensors, file).unwrap();
}

#[test]
fn every_tensor_that_does_not_fit_is_named() {
    let dir = copy("sd1");
    let turned = "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.weight";
    change(&dir.path().join(UNET), |tensors| {
        tensors.remove("conv_in.bias");
        tensors.remove("mid_block.resnets.1.norm2.weight");
        let wide = tensors[turned].t().unwrap().contiguous().unwrap();
        tensors.insert(turned.to_owned(), wide);
        tensors.insert("conv_out.bias".to_owned(), Tensor::zeros(4, DType::U8, &Device::Cpu).unwrap());
        tensors.insert("ema.decay".to_owned(), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap());
    });
    for error in [
        Parts::open(dir.path()).and_then(|parts| parts.check()).unwrap_err(),
        Parts::open(dir.path()).and_then(|parts| parts.load(&Device::Cpu, DType::F32)).unwrap_err(),
    ] {
        let text = error.to_string();
        let LoadError::Tensors { file, problems } = error else { panic!("{text}") };
        assert!(file.ends_with(UNET));
        assert_eq!(
            problems.missing.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
            ["conv_in.bias", "mid_block.resnets.1.norm2.weight"]
        );
        assert_eq!(problems.unexpected, ["ema.decay"]);
        assert_eq!(problems.misshapen, [(turned.to_owned(), vec![192, 24], vec![24, 192])]);
        assert_eq!(problems.mistyped, [("conv_out.bias".to_owned(), "U8".to_owned())]);
        for name in ["conv_in.bias [16]", "ema.decay", "missing (2)", "unexpected (1)", "wrong type (1)"] {
            assert!(text.contains(name), "{name}: {text}");
        }
    }
}

#[test]
fn damaged_folders_are_refused() {
    let dir = copy("sd1");
    let file = dir.path().join(UNET);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() - 100]).unwrap();
    let text = Parts::open(dir.path()).and_then(|parts| parts.check()).unwrap_err().to_string();
    assert!(text.contains(&whole.len().to_string()) && text.contains(&(whole.len() - 100).to_string()), "{text}");
    std::fs::write(&file, &whole).unwrap();

    for (path, from, to, wanted) in [
        ("unet/config.json", "\"cross_attention_dim\": 24", "\"cross_attention_dim\": 20", "width 20"),
        ("unet/config.json", "\"class_embed_type\": null", "\"class_embed_type\": \"identity\"", "class_embed_type"),
        ("unet/config.json", "\"in_channels\": 4", "\"in_channels\": 9", "inpainting"),
        ("vae/config.json", "\"silu\"", "\"relu\"", "act_fn"),
        ("text_encoder/config.json", "\"vocab_size\": 612", "\"vocab_size\": 611", "ids up to 611"),
        ("text_encoder/config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "layers.2.mlp.fc1"),
        ("scheduler/scheduler_config.json", "1000", "\"many\"", "scheduler_config.json"),
        ("model_index.json", "\"StableDiffusionPipeline\"", "\"FluxPipeline\"", "FluxPipeline"),
        ("tokenizer/merges.txt", "#version: 0.2", "zq zz zz", "merges.txt"),
        ("tokenizer/vocab.json", "\"<|endoftext|>\"", "\"<|end|>\"", "<|endoftext|>"),
        ("model_index.json", "", "", "model_index.json"),
    ] {
        let file = dir.path().join(path);
        let good = std::fs::read_to_string(&file).unwrap();
        if from.is_empty() {
            std::fs::remove_file(&file).unwrap();
        } else {
            assert!(good.contains(from), "{path} has no {from}");
            std::fs::write(&file, good.replace(from, to)).unwrap();
        }
        let text = Parts::open(dir.path()).and_then(|parts| parts.check()).unwrap_err().to_string();
        assert!(text.contains(wanted), "{path} {to}: {text}");
        std::fs::write(&file, good).unwrap();
    }
    Parts::open(dir.path()).and_then(|parts| parts.check()).unwrap();
    std::fs::rename(dir.path().join(UNET), dir.path().join("unet/diffusion_pytorch_model.bin")).unwrap();
    let text = Parts::open(dir.path()).and_then(|parts| parts.check()).unwrap_err().to_string();
    assert!(text.contains("pickle"), "{text}");
}
