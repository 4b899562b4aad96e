//! Files that are no checkpoint of a family here, called by their names, and what to do with them.

use std::path::Path;

use super::ema::PREFIX as EMA;
use crate::models::channels;
use crate::models::families::Family;
use crate::tensors::{LoadError, Weights};

/// What the names of the denoiser's tensors begin with in checkpoints of every family.
pub(super) const DENOISER: &str = "model.diffusion_model.";

/// A kind of file, told by a part of the name of one of its tensors.
struct Kind {
    marks: &'static [&'static str],
    what: &'static str,
}

/// Told by one of `marks`.
const fn kind(marks: &'static [&'static str], what: &'static str) -> Kind {
    Kind { marks, what }
}

/// In this order: what is more special stands first.
const KINDS: [Kind; 21] = [
    kind(
        &["lora_up", "lora_down", "lora_A", "lora_B", "lora.up", "lora.down", "hada_w1", "lokr_w"],
        "this is a LoRA file, not a model: give it as the adapter, and a base model beside it",
    ),
    kind(
        &["control_model.", "controlnet_cond_embedding", "input_hint_block", "controlnet_down_blocks"],
        "this is a ControlNet, which is used beside a model and is not supported",
    ),
    kind(&["ip_adapter."], "this is an IP-Adapter, which is used beside a model and is not supported"),
    kind(
        &["emb_params", "string_to_param"],
        "this is a textual inversion (an embedding), which is used beside a model and is not supported",
    ),
    kind(
        &["time_stack", "time_mix", "temporal", "temopral", "motion_modules"],
        "this is a video model, which is not supported: only models that make single pictures are",
    ),
    kind(&["individual_token_refiner"], "this is a HunyuanVideo model, which is not supported"),
    kind(&["joint_blocks."], "this is a Stable Diffusion 3 model, which is not supported"),
    kind(&["double_stream_modulation_img"], "this is a FLUX.2 model, which is not supported"),
    kind(&["distilled_guidance_layer"], "this is a Chroma model, which is not supported"),
    kind(&["double_blocks.", "single_transformer_blocks."], "this is a FLUX.1 model, which is not supported"),
    kind(&["noise_refiner.", "cap_embedder."], "this is a Z-Image or Lumina model, which is not supported"),
    kind(&["img_mod."], "this is a Qwen-Image model, which is not supported"),
    kind(&["double_layers."], "this is an AuraFlow model, which is not supported"),
    kind(&["adaln_single.", "t_block."], "this is a PixArt model, which is not supported"),
    kind(&["mlp_t5."], "this is a Hunyuan-DiT model, which is not supported"),
    kind(&["clip_txt_mapper", "effnet_mapper"], "this is a Stable Cascade model, which is not supported"),
    kind(&["edm_mean"], "this is a model of the EDM process (such as Playground v2.5), which is not supported"),
    kind(
        &["conditioner.embedders.0.model.transformer"],
        "this is the refiner of Stable Diffusion XL, which only works on pictures of the base model: use that one",
    ),
    kind(
        &["embedder.noise_augmentor", "noise_augmentor."],
        "this is an unCLIP model, which is made for pictures instead of prompts and is not supported",
    ),
    kind(&["structcond_stage_model."], "this is a StableSR upscaler, which is not supported"),
    kind(
        &["down_blocks.0.resnets"],
        "its names are those of a diffusers folder, of which it is one part: name the folder, the one with \
         model_index.json",
    ),
];

/// Refuses a file that is a VAE, a text encoder or a denoiser alone, or of a foreign kind.
///
/// # Errors
/// What the file is, and what to do with it.
fn refuse(file: &Path, weights: &Weights) -> Result<(), LoadError> {
    let error = |reason: &str| Err(LoadError::Invalid { file: file.to_owned(), reason: reason.to_owned() });
    let has = |mark: &str| weights.shapes().any(|(name, _)| name.contains(mark));
    let starts = |start: &str| weights.shapes().any(|(name, _)| name.starts_with(start));
    if starts("decoder.") && starts("encoder.") || starts("first_stage_model.") && !starts(DENOISER) && !starts(EMA) {
        return error("it is a VAE alone, not a model: give it as the VAE (`model.vae`) beside a base model");
    }
    if let Some(kind) = KINDS.iter().find(|kind| kind.marks.iter().any(|mark| has(mark))) {
        return error(kind.what);
    }
    if let Some(types) = quantised(weights) {
        return error(&format!(
            "its weights are of type {types}: models with 8-bit or 4-bit weights are not read; take the fp16 or bf16 \
             version of the model"
        ));
    }
    if starts(DENOISER) {
        return Ok(());
    }
    if starts("input_blocks.") {
        return error("it is a UNet alone, without the names of a whole checkpoint: take the whole model");
    }
    if starts("text_model.") || starts("transformer.resblocks.") || starts("cond_stage_model.") {
        return error("it is a text encoder alone, not a model: take the whole model");
    }
    error(
        "it has no `model.diffusion_model.` tensors, so it is not a Stable Diffusion checkpoint in one file; for a \
         diffusers model name its folder, the one with model_index.json",
    )
}

/// The type of a UNet's weights if most of them are no floats of 16 bits or more.
fn quantised(weights: &Weights) -> Option<&str> {
    let (most, _) = weights.types().into_iter().max_by_key(|(_, count)| *count)?;
    (most.starts_with("F8") || most.starts_with("F4") || most == "I8" || most == "U8").then_some(most)
}

/// The family of a checkpoint, told by the shapes of its UNet.
///
/// # Errors
/// Why the file is of none.
pub(super) fn family(file: &Path, weights: &Weights) -> Result<Family, LoadError> {
    refuse(file, weights)?;
    let error = |reason: String| Err(LoadError::Invalid { file: file.to_owned(), reason });
    let unet = |end: &str| {
        let found = weights.shapes().find(|(name, _)| name.starts_with(DENOISER) && name.ends_with(end));
        found.map(|(_, shape)| shape)
    };
    let taken = match unet("input_blocks.0.0.weight") {
        Some([_, channels, ..]) => *channels,
        _ => return error("its UNet has no first convolution (`input_blocks.0.0.weight`)".to_owned()),
    };
    // Every family here has latents of four channels.
    if let Some(refusal) = channels::refusal(taken, 4) {
        return error(refusal);
    }
    let width = match unet(".attn2.to_k.weight") {
        Some([_, width]) => *width,
        _ => return error("its UNet has no attention to prompts (`attn2.to_k.weight`)".to_owned()),
    };
    Family::of_context(width).map_or_else(|| error(unknown(width)), Ok)
}

/// Why no family has a context of this width.
fn unknown(width: usize) -> String {
    let known = Family::ALL.map(|family| format!("{} ({})", family.data().name, family.data().context));
    let is = match width {
        1280 => "it is the refiner of Stable Diffusion XL, which only works on pictures of the base model".to_owned(),
        _ => "it is of a family that is not known here".to_owned(),
    };
    format!("its UNet attends to prompts of width {width}: {is}; supported are {}", known.join(", "))
}
