//! Adapter files of every dialect: loaded, described and converted.

use candle_core::{DType, Device};
use runner::adapter::file::{Format, convert, inspect, load};
use runner::models::Parts;

use crate::files::{Files, golden, golden_path};
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;
use crate::tensors::file;
use crate::watch::Input;

const MODULE: &str = "down_blocks.0.attentions.0.transformer_blocks.0.attn1";

fn seeds() -> Vec<Input> {
    let dialects = [
        (format!("unet.{MODULE}.to_q.lora.down.weight"), format!("unet.{MODULE}.to_q.lora.up.weight")),
        (format!("{MODULE}.processor.to_out_lora.down.weight"), format!("{MODULE}.processor.to_out_lora.up.weight")),
        (
            format!("base_model.model.{MODULE}.to_k.lora_A.default.weight"),
            format!("base_model.model.{MODULE}.to_k.lora_B.default.weight"),
        ),
        (
            format!("lora_unet_{}_to_v.lora_down.weight", MODULE.replace('.', "_")),
            format!("lora_unet_{}_to_v.lora_up.weight", MODULE.replace('.', "_")),
        ),
        (
            "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight".to_owned(),
            "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight".to_owned(),
        ),
    ];
    let config = golden("lora_files/peft/adapter_config.json");
    let seed = |(down, up): &(String, String)| {
        let alpha = down.replace("lora_down.weight", "alpha");
        let mut tensors = vec![(down.as_str(), &[2, 16][..], DType::F32), (up, &[16, 2], DType::F16)];
        if alpha != *down {
            tensors.push((&alpha, &[], DType::F32));
        }
        vec![file(tensors), config.clone()]
    };
    let convolution = [("lora_unet_a_conv.lora_down.weight", &[2, 4, 1, 1][..], DType::BF16)];
    let mut all: Vec<Input> = dialects.iter().map(seed).collect();
    all.push(vec![file(convolution), Vec::new()]);
    all.push(vec![golden("lora_files/peft/adapter_model.safetensors"), config]);
    all.push(vec![golden("lora_files/metadata.safetensors"), Vec::new()]);
    all
}

#[test]
fn adapters() {
    let files = Files::new();
    let modules =
        Parts::open(&golden_path("models/sd1")).and_then(|parts| parts.check()).expect("a model").adaptable_layers;
    let parts = &[Kind::Tensors, Kind::Json];
    let target = Target { name: "adapters", parts, seeds: seeds(), inputs: 3000, memory: MEMORY };
    fuzz(target, |input| {
        let path = files.put("adapter.safetensors", &input[0]);
        files.put_or_remove("adapter_config.json", &input[1]);
        let loaded =
            load(&path, &modules, 0.5, &Device::Cpu).map_or_else(|e| e.to_string(), |set| set.len().to_string());
        let described = match inspect(&path) {
            Ok(summary) => serde_json::to_string(&summary).map_or_else(|e| e.to_string(), |_| "described".to_owned()),
            Err(error) => error.to_string(),
        };
        let mut said = format!("{loaded} {described}");
        for format in [Format::Diffusers, Format::Kohya] {
            match convert(&path, format) {
                Err(error) => said += &error.to_string(),
                Ok(bytes) => {
                    let back = inspect(&files.put("converted/adapter.safetensors", &bytes));
                    said += &back.map_or_else(|e| format!("a converted file is not read: {e}"), |_| "converted".into());
                }
            }
        }
        said
    });
}
