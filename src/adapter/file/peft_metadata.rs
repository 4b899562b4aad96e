//! peft's configuration of an adapter, as diffusers writes it into its files.

use super::key::Part;
use super::module::Deltas;
use crate::choice::AdapterKind;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The text of `lora_adapter_metadata`: for each part the keys of peft's `LoraConfig` that its readers need, after the
/// part's name. `None` for other kinds than LoRA and DoRA. Alpha is the rank, as the scale is in the tensors.
/// <https://github.com/huggingface/diffusers/blob/v0.35.0/src/diffusers/training_utils.py#L320>
///
/// # Errors
/// A layer and a reason: peft makes a DoRA of every layer of a part, or of none.
pub(super) fn of(deltas: &Deltas) -> Result<Option<String>, (String, String)> {
    if !deltas.values().all(|delta| matches!(delta.kind, AdapterKind::Lora | AdapterKind::Dora)) {
        return Ok(None);
    }
    let mut all = Map::new();
    for part in Part::ALL {
        let layers: Vec<_> = deltas.iter().filter(|((of, _), _)| *of == part).collect();
        let Some((_, first)) = layers.first() else { continue };
        if let Some(((_, layer), delta)) = layers.iter().find(|(_, delta)| delta.kind != first.kind) {
            let reason = format!("it is a {}, other layers are not; peft has one kind for a part", delta.kind.title());
            return Err((layer.clone(), reason));
        }
        let rank = usual_rank(layers.iter().filter_map(|(_, delta)| delta.shape.rank));
        let others = layers.iter().filter(|(_, delta)| delta.shape.rank != Some(rank));
        let others: Map<String, Value> =
            others.map(|((_, layer), delta)| (end(layer).to_owned(), json!(delta.shape.rank))).collect();
        let entries = [
            ("alpha_pattern", json!(others)),
            ("bias", json!("none")),
            ("lora_alpha", json!(rank)),
            ("peft_type", json!("LORA")),
            ("r", json!(rank)),
            ("rank_pattern", json!(others)),
            ("target_modules", json!(layers.iter().map(|((_, layer), _)| end(layer)).collect::<Vec<_>>())),
            ("use_dora", json!(first.kind == AdapterKind::Dora)),
            ("use_rslora", json!(false)),
        ];
        all.extend(entries.map(|(key, value)| (format!("{}.{key}", part.name()), value)));
    }
    Ok(Some(Value::Object(all).to_string()))
}

/// The part of a layer's name that counts: peft compares ends of names, and text encoders of transformers 5 have no
/// `text_model.` in theirs.
fn end(layer: &str) -> &str {
    layer.strip_prefix("text_model.").unwrap_or(layer)
}

/// The rank that most layers have; of several such the smallest.
fn usual_rank(ranks: impl Iterator<Item = usize>) -> usize {
    let mut counts = BTreeMap::<usize, usize>::new();
    for rank in ranks {
        *counts.entry(rank).or_default() += 1;
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(1, |(rank, _)| rank)
}
