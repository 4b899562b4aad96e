//! Which files are fetched of repositories that people name: their lists of files as the Hub shows them.

use std::collections::BTreeSet;

use runner::hub::{HubError, Wanted, Watch};
use runner::models::elsewhere::{VAE_ALONE, VAE_OF_MODEL};
use runner::models::families::{FOLDERS, TEXT_ENCODERS};
use runner::tensors::ModelFolder;

use super::model::{Cache, Model, fails, id};
use super::server::Server;

/// `stabilityai/stable-diffusion-xl-base-1.0`: a folder in full precision and in fp16, beside checkpoints in one file,
/// ONNX, Flax and OpenVINO.
const SDXL: &str = ".gitattributes 01.png LICENSE.md README.md comparison.png model_index.json pipeline.png \
    scheduler/scheduler_config.json sd_xl_base_1.0.safetensors sd_xl_base_1.0_0.9vae.safetensors \
    sd_xl_offset_example-lora_1.0.safetensors text_encoder/config.json text_encoder/flax_model.msgpack \
    text_encoder/model.fp16.safetensors text_encoder/model.onnx text_encoder/model.safetensors \
    text_encoder/openvino_model.bin text_encoder/openvino_model.xml text_encoder_2/config.json \
    text_encoder_2/flax_model.msgpack text_encoder_2/model.fp16.safetensors text_encoder_2/model.onnx \
    text_encoder_2/model.onnx_data text_encoder_2/model.safetensors text_encoder_2/openvino_model.bin \
    text_encoder_2/openvino_model.xml tokenizer/merges.txt tokenizer/special_tokens_map.json \
    tokenizer/tokenizer_config.json tokenizer/vocab.json tokenizer_2/merges.txt tokenizer_2/special_tokens_map.json \
    tokenizer_2/tokenizer_config.json tokenizer_2/vocab.json unet/config.json unet/diffusion_flax_model.msgpack \
    unet/diffusion_pytorch_model.fp16.safetensors unet/diffusion_pytorch_model.safetensors unet/model.onnx \
    unet/model.onnx_data unet/openvino_model.bin unet/openvino_model.xml vae/config.json \
    vae/diffusion_flax_model.msgpack vae/diffusion_pytorch_model.fp16.safetensors \
    vae/diffusion_pytorch_model.safetensors \
    vae_1_0/config.json vae_1_0/diffusion_pytorch_model.fp16.safetensors vae_1_0/diffusion_pytorch_model.safetensors \
    vae_decoder/config.json vae_decoder/model.onnx vae_decoder/openvino_model.bin vae_decoder/openvino_model.xml \
    vae_encoder/config.json vae_encoder/model.onnx vae_encoder/openvino_model.bin vae_encoder/openvino_model.xml";

/// `stable-diffusion-v1-5/stable-diffusion-v1-5`: also weights without EMA, pickles and a safety checker.
const SD15: &str = ".gitattributes README.md feature_extractor/preprocessor_config.json model_index.json \
    safety_checker/config.json safety_checker/model.fp16.safetensors safety_checker/model.safetensors \
    safety_checker/pytorch_model.bin safety_checker/pytorch_model.fp16.bin scheduler/scheduler_config.json \
    text_encoder/config.json text_encoder/model.fp16.safetensors text_encoder/model.safetensors \
    text_encoder/pytorch_model.bin text_encoder/pytorch_model.fp16.bin tokenizer/merges.txt \
    tokenizer/special_tokens_map.json tokenizer/tokenizer_config.json tokenizer/vocab.json unet/config.json \
    unet/diffusion_pytorch_model.bin unet/diffusion_pytorch_model.fp16.bin \
    unet/diffusion_pytorch_model.fp16.safetensors \
    unet/diffusion_pytorch_model.non_ema.bin unet/diffusion_pytorch_model.non_ema.safetensors \
    unet/diffusion_pytorch_model.safetensors v1-5-pruned-emaonly-fp16.safetensors v1-5-pruned-emaonly.ckpt \
    v1-5-pruned-emaonly.safetensors v1-5-pruned.ckpt v1-5-pruned.safetensors v1-inference.yaml vae/config.json \
    vae/diffusion_pytorch_model.bin vae/diffusion_pytorch_model.fp16.bin vae/diffusion_pytorch_model.fp16.safetensors \
    vae/diffusion_pytorch_model.safetensors";

/// `madebyollin/sdxl-vae-fp16-fix` and `stabilityai/sd-vae-ft-mse`: VAEs alone.
const VAE_FIX: &str = ".gitattributes README.md config.json diffusion_pytorch_model.bin \
    diffusion_pytorch_model.safetensors \
    images/activation-magnitudes.jpg sdxl.vae.safetensors sdxl_vae.safetensors";

/// A repository of these files, each with its own content.
fn repository(names: &str) -> Model {
    let tensors = |name: &str| {
        let header = format!(r#"{{"{name}":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}}"#);
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[7]].concat()
    };
    let content = |name: &str| match name.ends_with(".safetensors") {
        true => tensors(name),
        false => format!("content of {name}").into_bytes(),
    };
    Model(names.split_whitespace().map(|name| (name.to_owned(), content(name))).collect())
}

/// The names of the files that are fetched.
fn fetched(names: &str, kinds: &[&ModelFolder]) -> BTreeSet<String> {
    let (cache, model) = (Cache::new(), repository(names));
    let server = Server::honest(&model);
    let watch = Watch { news: &|_| (), stop: &|| false };
    let folder = cache.hub(&server.url).resolve(&id(), Wanted::files(kinds), watch).unwrap();
    let asked: BTreeSet<String> = server
        .log()
        .iter()
        .filter_map(|r| Some(r.path.split_once("/resolve/")?.1.split_once('/')?.1.to_owned()))
        .collect();
    for name in &asked {
        assert!(std::fs::read(folder.join(name)).unwrap() == model.get(name).unwrap(), "{name}");
    }
    asked
}

fn set(names: &str) -> BTreeSet<String> {
    names.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn of_sdxl_each_network_is_fetched_once() {
    let wanted = "model_index.json scheduler/scheduler_config.json text_encoder/config.json \
        text_encoder/model.safetensors text_encoder_2/config.json text_encoder_2/model.safetensors \
        tokenizer/merges.txt tokenizer/special_tokens_map.json tokenizer/tokenizer_config.json tokenizer/vocab.json \
        tokenizer_2/merges.txt tokenizer_2/special_tokens_map.json tokenizer_2/tokenizer_config.json \
        tokenizer_2/vocab.json unet/config.json unet/diffusion_pytorch_model.safetensors vae/config.json \
        vae/diffusion_pytorch_model.safetensors";
    assert_eq!(fetched(SDXL, &FOLDERS), set(wanted));
    // Where there is fp16 only, that is taken.
    let half: Vec<&str> = SDXL.split_whitespace().filter(|name| !name.ends_with("model.safetensors")).collect();
    let of_half = |name: &str| name.replace("model.safetensors", "model.fp16.safetensors");
    assert_eq!(fetched(&half.join(" "), &FOLDERS), set(&of_half(wanted)));
}

#[test]
fn of_sd15_neither_checkpoints_nor_pickles_nor_the_safety_checker_are_fetched() {
    let wanted = "model_index.json scheduler/scheduler_config.json text_encoder/config.json \
        text_encoder/model.safetensors tokenizer/merges.txt tokenizer/special_tokens_map.json \
        tokenizer/tokenizer_config.json tokenizer/vocab.json unet/config.json unet/diffusion_pytorch_model.safetensors \
        vae/config.json vae/diffusion_pytorch_model.safetensors";
    assert_eq!(fetched(SD15, &FOLDERS), set(wanted));
}

#[test]
fn a_vae_comes_alone_or_out_of_a_model() {
    let kinds = [&VAE_ALONE, &VAE_OF_MODEL];
    assert_eq!(fetched(VAE_FIX, &kinds), set("config.json diffusion_pytorch_model.safetensors"));
    assert_eq!(fetched(SDXL, &kinds), set("vae/config.json vae/diffusion_pytorch_model.safetensors"));
}

#[test]
fn text_encoders_come_without_the_other_parts() {
    let one = "text_encoder/config.json text_encoder/model.safetensors tokenizer/merges.txt \
        tokenizer/special_tokens_map.json tokenizer/tokenizer_config.json tokenizer/vocab.json";
    assert_eq!(fetched(SD15, &TEXT_ENCODERS), set(one));
    let two = one.replace("text_encoder/", "text_encoder_2/").replace("tokenizer/", "tokenizer_2/");
    assert_eq!(fetched(SDXL, &TEXT_ENCODERS), set(&format!("{one} {two}")));
}

#[test]
fn a_checkpoint_in_one_file_is_named_where_there_is_no_folder() {
    let (cache, model) =
        (Cache::new(), repository("README.md my-merge.safetensors my-merge-fp16.safetensors x/y.safetensors"));
    let server = Server::honest(&model);
    let error = fails(&cache, &cache.hub(&server.url), &model);
    assert!(matches!(error, HubError::Unusable { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("my-merge-fp16.safetensors, my-merge.safetensors") && text.contains("download"), "{text}");
    assert!(!text.contains("x/y.safetensors"), "{text}");
}
