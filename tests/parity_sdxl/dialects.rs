//! Adapter files for all parts of the model, in the names of every program: `tests/golden/adapters/make_sdxl.py` made
//! the numbers and two of the files.

use std::path::{Path, PathBuf};

use runner::adapter::file::{self, Format};
use runner::models::AdaptableLayer;
use runner::tensors::tensor_file;

use super::*;

fn path(name: &str) -> PathBuf {
    golden("../adapters").join(name)
}

/// What the model computes for the golden prompt.
fn computed(model: &Model, lora: &LoraSet) -> [(&'static str, Tensor); 3] {
    let conditions = model.encode_prompt("a photo of the red house", lora).unwrap();
    let (tokens, pooled) = (conditions.tokens.clone(), conditions.pooled.clone().unwrap());
    let sizes = Tensor::new(&[[20f32, 24.0, 1.0, 2.0, 20.0, 24.0]], device()).unwrap();
    let conditions = Conditioning { sizes: Some(sizes), ..conditions };
    let latents = there(&randn(5, &[1, 4, 12, 10]));
    let prediction = model.denoiser.forward(&latents, &[400.0], &conditions, lora).unwrap();
    [("tokens", tokens.narrow(1, 0, 9).unwrap()), ("pooled", pooled), ("prediction", prediction)]
}

fn compare(what: &str, model: &Model, file: &Path, layers: &[AdaptableLayer], expected: &str) {
    let golden = candle_core::safetensors::load(path("sdxl_expected.safetensors"), device()).unwrap();
    let set = file::load(file, layers, 1.0, device()).unwrap();
    assert_eq!(set.len(), 12 + 4 + 4, "{what}");
    for (name, ours) in computed(model, &set) {
        close(&format!("{what} {name}"), &ours, &golden[&format!("{expected}.{name}")], 3e-5);
    }
}

/// The file with other names, in a folder of its own.
fn renamed(folder: &Path, name: &str, tensors: &HashMap<String, Tensor>, rename: impl Fn(&str) -> String) -> PathBuf {
    let tensors = tensors.iter().map(|(old, tensor)| (rename(old), tensor.clone())).collect();
    let file = folder.join(name);
    std::fs::write(&file, tensor_file::write(&tensors, &BTreeMap::new()).unwrap()).unwrap();
    file
}

#[test]
fn every_dialect_of_an_adapter_for_all_parts_gives_diffusers_numbers() {
    let (model, layers) = (model(), parts().check().unwrap().adaptable_layers);
    let folder = tempfile::tempdir().unwrap();
    let diffusers = path("sdxl.safetensors");
    compare("diffusers", &model, &diffusers, &layers, "sdxl");
    compare("kohya", &model, &path("sdxl_kohya.safetensors"), &layers, "sdxl_kohya");

    // Ours, from either.
    let write = |name: &str, source: &Path, to| {
        let file = folder.path().join(name);
        std::fs::write(&file, file::convert(source, to).unwrap()).unwrap();
        file
    };
    let to_kohya = write("to_kohya.safetensors", &diffusers, Format::Kohya);
    compare("diffusers to kohya", &model, &to_kohya, &layers, "sdxl");
    let to_diffusers = write("to_diffusers.safetensors", &path("sdxl_kohya.safetensors"), Format::Diffusers);
    compare("kohya to diffusers", &model, &to_diffusers, &layers, "sdxl_kohya");
    // sd-scripts' names of the same layers.
    let names = |file: &Path| {
        let tensors = candle_core::safetensors::load(file, &candle_core::Device::Cpu).unwrap();
        tensors.into_keys().collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(&to_kohya), names(&path("sdxl_kohya.safetensors")));
    let summary = file::inspect(&to_kohya).unwrap();
    assert_eq!(summary.family, Some("Stable Diffusion XL"));
    assert_eq!(summary.metadata["modelspec.architecture"], "stable-diffusion-xl-v1-base/lora");
    assert_eq!(summary.metadata["ss_base_model_version"], "sdxl_base_v1-0");

    // The file of diffusers, with other names.
    let tensors = candle_core::safetensors::load(&diffusers, &candle_core::Device::Cpu).unwrap();
    let plain = |name: &str| {
        let name = name.replace(".lora_linear_layer.down.", ".lora_A.").replace(".lora_linear_layer.up.", ".lora_B.");
        name.replace("text_encoder.encoder", "text_encoder.text_model.encoder")
            .replace("text_encoder_2.encoder", "text_encoder_2.text_model.encoder")
    };
    let peft = renamed(folder.path(), "peft.safetensors", &tensors, |name| {
        let (part, layer) = plain(name).split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        format!(
            "{part}.base_model.model.{}",
            layer.replace(".lora_A.", ".lora_A.default.").replace(".lora_B.", ".lora_B.default.")
        )
    });
    compare("peft", &model, &peft, &layers, "sdxl");
    let roles = |name: &str| plain(name).replace(".lora_A.", ".lora_down.").replace(".lora_B.", ".lora_up.");
    let one_trainer = renamed(folder.path(), "one_trainer.safetensors", &tensors, |name| {
        let name = roles(name).replacen("unet.", "lora_unet.", 1);
        name.replacen("text_encoder_2.", "lora_te2.", 1).replacen("text_encoder.", "lora_te1.", 1)
    });
    compare("OneTrainer", &model, &one_trainer, &layers, "sdxl");
    // Its OMI format has the original code's names for the UNet.
    let omi = renamed(folder.path(), "omi.safetensors", &tensors, |name| {
        let name = roles(name).replacen("text_encoder_2.", "clip_g.", 1).replacen("text_encoder.", "clip_l.", 1);
        let pairs = [
            ("conv_in", "input_blocks.0.0"),
            ("add_embedding.linear_1", "label_emb.0.0"),
            ("time_embedding.linear_2", "time_embed.2"),
            ("down_blocks.0.resnets.0.conv1", "input_blocks.1.0.in_layers.2"),
            ("down_blocks.0.downsamplers.0.conv", "input_blocks.3.0.op"),
            ("down_blocks.1.attentions.0.", "input_blocks.4.1."),
            ("down_blocks.2.attentions.0.", "input_blocks.7.1."),
            ("mid_block.attentions.0.", "middle_block.1."),
            ("mid_block.resnets.1.time_emb_proj", "middle_block.2.emb_layers.1"),
            ("up_blocks.0.attentions.1.", "output_blocks.1.1."),
            ("up_blocks.0.upsamplers.0.conv", "output_blocks.2.2.conv"),
            ("up_blocks.1.resnets.1.conv_shortcut", "output_blocks.4.0.skip_connection"),
        ];
        let pair = pairs.iter().find(|(ours, _)| name.starts_with(&format!("unet.{ours}")));
        pair.map_or(name.clone(), |(ours, theirs)| name.replacen(ours, theirs, 1))
    });
    compare("OMI", &model, &omi, &layers, "sdxl");
}

#[test]
fn what_does_not_fit_is_left_out_only_when_asked() {
    let layers = parts().check().unwrap().adaptable_layers;
    let folder = tempfile::tempdir().unwrap();
    let mut tensors =
        candle_core::safetensors::load(path("sdxl_kohya.safetensors"), &candle_core::Device::Cpu).unwrap();
    let numbers = Tensor::zeros((3, 5), DType::F32, &candle_core::Device::Cpu).unwrap();
    tensors.insert("bundle_emb.token.clip_l".to_owned(), numbers.clone());
    tensors.insert("lora_unet_input_blocks_1_1_proj_in.lora_down.weight".to_owned(), numbers);
    let file = renamed(folder.path(), "more.safetensors", &tensors, str::to_owned);
    let error = file::load(&file, &layers, 1.0, device()).unwrap_err().to_string();
    assert!(error.contains("2 of 62 tensors"), "{error}");
    assert!(error.contains("bundle_emb.token.clip_l [3, 5]: an embedding"), "{error}");
    assert!(error.contains("[3, 5]: the model has no adaptable layer input_blocks_1_1_proj_in"), "{error}");
    let (set, left_out) = file::load_partly(&file, &layers, 1.0, device()).unwrap();
    assert_eq!((set.len(), left_out.unwrap().tensors.len()), (20, 2));
    let fit = file::fit(&file, &layers).unwrap();
    assert_eq!((fit.layers, fit.left_out.unwrap().tensors.len()), (20, 2));
    // Nothing of it fits another model.
    assert!(file::load_partly(&file, &layers[..1], 1.0, device()).is_ok());
    assert!(file::load_partly(&file, &[], 1.0, device()).is_err());
}
