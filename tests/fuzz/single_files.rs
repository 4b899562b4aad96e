//! Checkpoints in one file: whose names they use, and what of them is missing.

use candle_core::DType;
use runner::models::Parts;

use crate::files::{Files, golden};
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;
use crate::tensors::file;

/// A name of each kind; real files have a thousand more.
const BOTH: [&str; 20] = [
    "model.diffusion_model.time_embed.0.bias",
    "model.diffusion_model.out.2.bias",
    "model.diffusion_model.middle_block.0.in_layers.0.weight",
    "model.diffusion_model.middle_block.1.norm.bias",
    "model.diffusion_model.input_blocks.3.0.op.weight",
    "model.diffusion_model.input_blocks.4.0.skip_connection.bias",
    "model.diffusion_model.output_blocks.2.1.conv.weight",
    "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias",
    "model.diffusion_model.output_blocks.0.0.emb_layers.1.bias",
    "first_stage_model.encoder.down.0.block.0.norm1.weight",
    "first_stage_model.encoder.down.0.downsample.conv.bias",
    "first_stage_model.encoder.mid.attn_1.q.weight",
    "first_stage_model.decoder.up.3.upsample.conv.weight",
    "first_stage_model.decoder.up.1.block.0.nin_shortcut.weight",
    "first_stage_model.quant_conv.weight",
    "model_ema.decay",
    "betas",
    "alphas_cumprod",
    "cond_stage_model.logit_scale",
    "x",
];
const SD1: [&str; 2] = [
    "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight",
    "cond_stage_model.transformer.text_model.embeddings.position_ids",
];
const SD2: [&str; 4] = [
    "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight",
    "cond_stage_model.model.transformer.resblocks.0.mlp.c_fc.bias",
    "cond_stage_model.model.positional_embedding",
    "cond_stage_model.model.text_projection",
];

fn checkpoint(names: &[&str], context: usize) -> Vec<u8> {
    let wide = [1, context];
    let mut tensors = vec![
        ("model.diffusion_model.input_blocks.0.0.weight", &[1, 4][..], DType::F16),
        ("model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", &wide, DType::F16),
    ];
    tensors.extend(BOTH.iter().chain(names).map(|name| (*name, &[3][..], DType::F16)));
    file(tensors)
}

#[test]
fn single_files() {
    let files = Files::new();
    for name in ["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"] {
        files.put(&format!("tokenizer/{name}"), &golden(&format!("models/sd1/tokenizer/{name}")));
    }
    let seeds = [checkpoint(&SD1, 768), checkpoint(&SD2, 1024)].map(|file| vec![file]).to_vec();
    fuzz(Target { name: "single_files", parts: &[Kind::Tensors], seeds, inputs: 3000, memory: MEMORY }, |input| {
        let path = files.put("model.safetensors", &input[0]);
        Parts::open(&path)
            .and_then(|parts| parts.check())
            .map_or_else(|error| error.to_string(), |_| "a model".to_owned())
    });
}
