//! Which keys exist, and which of them a wrong key was meant to be.

use std::collections::BTreeSet;

use super::defaults::KEYS;
use super::similar::did_you_mean;

/// Top-level words that are not settings.
pub(super) const DIRECTIVES: [&str; 4] = ["extends", "sweep", "cells", "exclude"];

/// Names that other trainers or earlier versions of this program use, and ours.
const ALIASES: [(&str, &str); 33] = [
    ("lr", "train.learning_rate"),
    ("unet_lr", "train.learning_rate"),
    ("scheduler", "generate.sampler"),
    ("lr_warmup", "train.lr_warmup_steps"),
    ("network_dim", "train.rank"),
    ("lora_rank", "train.rank"),
    ("dim", "train.rank"),
    ("network_alpha", "train.alpha"),
    ("lora_alpha", "train.alpha"),
    ("max_train_steps", "train.steps"),
    ("adam_beta1", "train.optimizer.beta1"),
    ("adam_beta2", "train.optimizer.beta2"),
    ("adam_epsilon", "train.optimizer.epsilon"),
    ("adam_weight_decay", "train.optimizer.weight_decay"),
    ("weight_decay", "train.optimizer.weight_decay"),
    ("optimizer_type", "train.optimizer.name"),
    ("num_train_epochs", "train.epochs"),
    ("train_batch_size", "train.batch_size"),
    ("gradient_accumulation_steps", "train.gradient_accumulation"),
    ("network_dropout", "train.dropout"),
    ("prior_loss_weight", "train.prior_preservation.weight"),
    ("num_class_images", "train.prior_preservation.images"),
    ("num_inference_steps", "generate.steps"),
    ("cfg_scale", "generate.guidance_scale"),
    ("pretrained_model_name_or_path", "model.base"),
    ("pretrained_vae_model_name_or_path", "model.vae"),
    ("precision", "model.dtype"),
    ("mixed_precision", "model.dtype"),
    ("instance_data_dir", "dataset.images"),
    ("token", "subject.identifier"),
    ("checkpointing_steps", "train.checkpoint_every"),
    ("factor", "train.lokr_factor"),
    ("decompose_factor", "train.lokr_factor"),
];

/// True for a setting, e.g. `train.rank`.
#[must_use]
pub fn is_setting(path: &str) -> bool {
    KEYS.contains(&path)
}

/// True for a section, e.g. `train` or `train.prior_preservation`.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// What may stand directly in a section (`""` is the top of the file), in file order.
pub(super) fn members(section: &str) -> Vec<&'static str> {
    let mut seen = BTreeSet::new();
    let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
    let member = |key: &&'static str| key.strip_prefix(&prefix).and_then(|rest| rest.split('.').next());
    KEYS.iter().filter_map(member).filter(|member| seen.insert(*member)).collect()
}

/// The dotted name most likely meant by an unknown `path`.
pub(super) fn suggestion(path: &str) -> Option<String> {
    let (section, last) = path.rsplit_once('.').unwrap_or(("", path));
    let full = |member: String| if section.is_empty() { member } else { format!("{section}.{member}") };
    let mut members = members(section);
    if section.is_empty() {
        members.extend(DIRECTIVES);
    }
    let alias = ALIASES.iter().find(|(theirs, _)| *theirs == last).map(|(_, ours)| (*ours).to_owned());
    alias.or_else(|| did_you_mean(last, members).map(full)).or_else(|| elsewhere(last))
}

/// A key of that name, or of a similar one, in any section.
fn elsewhere(last: &str) -> Option<String> {
    let namesake = || KEYS.iter().copied().find(|key| key.rsplit('.').next() == Some(last));
    let similar = || {
        let last_word = |key: &'static str| key.rsplit('.').next().unwrap_or_default();
        let word = did_you_mean(last, KEYS.iter().map(|key| last_word(key)))?;
        KEYS.iter().copied().find(|key| last_word(key) == word)
    };
    namesake().or_else(similar).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_cover_typos_other_sections_and_other_tools() {
        assert_eq!(suggestion("train.rnak").as_deref(), Some("train.rank"));
        assert_eq!(suggestion("rank").as_deref(), Some("train.rank"));
        assert_eq!(suggestion("trian").as_deref(), Some("train"));
        assert_eq!(suggestion("train.lr").as_deref(), Some("train.learning_rate"));
        assert_eq!(suggestion("generate.num_inference_steps").as_deref(), Some("generate.steps"));
        assert_eq!(suggestion("swep").as_deref(), Some("sweep"));
        assert_eq!(suggestion("train.zzz"), None);
    }

    #[test]
    fn aliases_name_existing_keys() {
        assert!(ALIASES.iter().all(|(_, ours)| is_setting(ours)));
        assert!(is_section("train.prior_preservation") && !is_section("train.rank") && !is_section("trai"));
    }
}
