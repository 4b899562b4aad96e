//! Inputs for tests that need jobs but no study.

use std::collections::BTreeMap;

use super::{
    cell::{CellEncoder, CellFacts},
    inputs::Inputs,
    key::KeyInputs,
    name::Stage,
};
use crate::experiment::Settings;
use serde_json::json;

/// Inputs of a stage without photos. Another `label` gives another key.
pub(crate) fn inputs(stage: Stage, settings: &Settings, label: &str) -> Inputs {
    let (photos, train, held_out, probed) = (&[][..], Vec::new(), Vec::new(), Vec::new());
    let encoders = settings.evaluate.encoders.iter().map(|choice| CellEncoder { choice, hash: "encoder-hash" });
    let (encoders, masks, base_hash) = (encoders.collect(), &BTreeMap::new(), "base-hash");
    let device_class = label;
    let cell = CellFacts { settings, base_hash, device_class, photos, masks, train, held_out, probed, encoders };
    let keys = Stage::ALL.into_iter().map(|stage| (stage, KeyInputs::new().key(stage))).collect();
    let first = Inputs::of(stage, &cell, &keys).into_iter().next();
    first.unwrap_or_else(|| panic!("the settings do not ask for {stage}"))
}

/// The settings of a small cell.
pub(crate) fn settings() -> Settings {
    serde_json::from_value(json!({
        "model": {"base": {"folder": "/m"}, "dtype": "f32", "device": "cpu", "low_memory": false},
        "subject": {"identifier": "aawxbc", "class": "figurine", "name": ""},
        "dataset": {"images": ["/p"], "size": 5, "held_out": 1, "resolution": 64, "crop": "center",
            "captions": false, "seed": 0},
        "train": {"instance_prompt": "a", "steps": 1, "batch_size": 1, "gradient_accumulation": 1,
            "learning_rate": 1e-4, "lr_scheduler": "constant", "lr_warmup_steps": 0, "lr_cycles": 1, "lr_power": 1.0,
            "rank": 4, "alpha": 4.0,
            "dropout": 0.0, "optimizer": {"name": "adamw", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
                "weight_decay": 0.01},
            "max_grad_norm": 1.0, "gradient_checkpointing": false, "checkpoint_every": 1, "seed": 0,
            "prior_preservation": null},
        "generate": {"sampler": "ddim", "steps": 1, "guidance_scale": 1.0, "negative_prompt": "", "seeds": [0],
            "baseline_prompts": [], "prompts": ["a"], "width": 64, "height": 64, "lora_scale": 1.0, "batch_size": 1},
        "evaluate": {"probe_every": 0, "probe_timesteps": 1, "probe_photos": 1, "probe_seed": 0, "drift_prompts": []}
    }))
    .unwrap()
}
