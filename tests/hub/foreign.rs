//! Models that cannot be used are refused by their names, before anything large is fetched and not as missing files.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::model::{Cache, Model};
use super::program::{generate, runner, study, toyworld};
use super::server::Server;

/// A repository of these files; what ends with `.safetensors` stands for something large.
fn repository(index: &Value, names: &[&str]) -> Model {
    let content = |name: &str| (name.to_owned(), format!("content of {name}").into_bytes());
    let mut files: BTreeMap<String, Vec<u8>> = names.iter().map(|name| content(name)).collect();
    files.insert("model_index.json".to_owned(), index.to_string().into_bytes());
    Model(files)
}

/// The toy model with another value in one of its configurations.
fn changed(file: &str, key: &str, value: Value) -> Model {
    let mut model = toyworld();
    let mut config: Value = serde_json::from_slice(model.get(file).unwrap()).unwrap();
    config[key] = value;
    model.0.insert(file.to_owned(), config.to_string().into_bytes());
    model
}

/// Each model as the Hub has it, and what must be said of it.
fn models() -> Vec<(Model, &'static str)> {
    let clip = |class: &str| json!(["transformers", class]);
    let refiner = json!({
        "_class_name": "StableDiffusionXLImg2ImgPipeline", "force_zeros_for_empty_prompt": false,
        "requires_aesthetics_score": true, "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        "text_encoder": [null, null], "text_encoder_2": clip("CLIPTextModelWithProjection"),
        "tokenizer": [null, null], "tokenizer_2": clip("CLIPTokenizer"),
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
    });
    let of_refiner = [
        "scheduler/scheduler_config.json",
        "text_encoder_2/config.json",
        "text_encoder_2/model.safetensors",
        "tokenizer_2/merges.txt",
        "tokenizer_2/vocab.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    ];
    let of_transformer = [
        "scheduler/scheduler_config.json",
        "text_encoder/model.safetensors",
        "text_encoder_2/model-00001-of-00002.safetensors",
        "transformer/config.json",
        "transformer/diffusion_pytorch_model-00001-of-00003.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ];
    let of_class = |class: &str| repository(&json!({"_class_name": class}), &of_transformer);
    vec![
        (repository(&refiner, &of_refiner), "this is a refiner"),
        (of_class("StableVideoDiffusionPipeline"), "this is a video model"),
        (of_class("WanPipeline"), "this is a video model"),
        (of_class("StableDiffusion3Pipeline"), "this is Stable Diffusion 3"),
        (of_class("FluxPipeline"), "this is a FLUX model"),
        (of_class("Flux2Pipeline"), "this is FLUX.2"),
        (of_class("ZImagePipeline"), "this is a Z-Image model"),
        (of_class("SomethingNewPipeline"), "\"SomethingNewPipeline\", which is not supported"),
        (
            changed("model_index.json", "_class_name", json!("StableDiffusionXLInpaintPipeline")),
            "this is an inpainting model",
        ),
        // Some say it nowhere but in the UNet's configuration.
        (changed("unet/config.json", "in_channels", json!(9)), "9 channels, not 4, so it is an inpainting model"),
        (changed("unet/config.json", "in_channels", json!(8)), "a model that edits pictures (InstructPix2Pix)"),
        (changed("unet/config.json", "time_cond_proj_dim", json!(256)), "`time_cond_proj_dim` is 256"),
    ]
}

#[test]
fn foreign_models_are_called_by_their_names_before_their_weights_are_fetched() {
    for (model, words) in models() {
        let (cache, server) = (Cache::new(), Server::honest(&model));
        let output = generate(&mut runner(&cache, &server)).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(96), "{text}");
        assert!(text.contains("some-owner/tiny cannot be used: ") && text.contains(words), "{words}: {text}");
        assert!(!text.contains("lacks") && !text.contains("missing"), "{text}");
        // It is one sentence or two, with the file of the repository and no folder of this machine.
        assert!(!text.contains("snapshots"), "{text}");
        assert!(
            !server.log().iter().any(|request| request.path.contains(".safetensors")),
            "{words}: {:?}",
            server.log()
        );

        // A plan asks nobody, and says the same of what is in the cache.
        let asked = server.log().len();
        let file = study(cache.path().parent().unwrap());
        let output = runner(&cache, &server).args(["plan", file, "--set", "dataset.size=2"]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(96) && text.contains(words), "{words}: {text}");
        assert_eq!(server.log().len(), asked);
    }
}
