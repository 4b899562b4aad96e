//! What the kohya file of a training says about it: the keys and words of sd-scripts
//! (<https://github.com/kohya-ss/sd-scripts/blob/48d368fa557731ad0488c07304dfeba8c07910eb/train_network.py#L1003>).
//!
//! Only what is true of the training is said, and nothing that differs between two runs of it, such as dates.

use std::collections::BTreeMap;

use crate::adapter::file::network_args;
use crate::choice::{AdapterKind, Crop, Scaling, Targets};
use crate::experiment::settings::TrainRecipe;
use crate::stage::Train;

/// The metadata of a training beside what its adapter and its base model say.
pub(super) fn of(wanted: &Train) -> BTreeMap<String, String> {
    let train = &wanted.train.recipe;
    let resolution = wanted.dataset.resolution;
    let mut entries = vec![
        ("ss_learning_rate", train.learning_rate.to_string()),
        ("ss_unet_lr", train.learning_rate.to_string()),
        // Python's words have no hyphens.
        ("ss_lr_scheduler", train.lr_scheduler.to_string().replace('-', "_")),
        ("ss_optimizer", train.optimizer.name.title().to_owned()),
        ("ss_seed", train.seed.to_string()),
        ("ss_steps", train.steps.to_string()),
        ("ss_num_train_images", wanted.photos.len().to_string()),
        ("ss_batch_size_per_device", train.batch_size.to_string()),
        ("ss_gradient_accumulation_steps", train.gradient_accumulation.to_string()),
        ("ss_resolution", format!("({resolution}, {resolution})")),
        ("modelspec.resolution", format!("{resolution}x{resolution}")),
        ("modelspec.title", wanted.subject.identifier.clone()),
        ("modelspec.trigger_phrase", wanted.subject.identifier.clone()),
        ("ss_network_args", network_args(train.adapter, &arguments(train))),
    ];
    entries.extend(options(wanted));
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// What is said only where it is not the default, so that files of trainings without an option stay as they are.
fn options(wanted: &Train) -> Vec<(&'static str, String)> {
    let (train, dataset) = (&wanted.train.recipe, &wanted.dataset);
    let prior = wanted.train.prior_preservation.as_ref();
    let truth = |is: bool| is.then(|| "True".to_owned());
    let number = |number: Option<f64>| number.map(|number| number.to_string());
    // LyCORIS scales by alpha / √rank itself; sd-scripts' own LoRA gets the same by another alpha, which is written.
    let own_scaling = train.scaling == Scaling::RsLora && is_of_lycoris(train.adapter);
    let entries = [
        ("ss_text_encoder_lr", number(train.text_encoder_learning_rate)),
        ("ss_noise_offset", number(train.noise_offset)),
        ("ss_min_snr_gamma", number(train.snr_gamma)),
        ("ss_caption_dropout_rate", number(train.caption_dropout)),
        // sd-scripts counts from the last layer: 2 leaves out one.
        ("ss_clip_skip", train.clip_skip.map(|skip| (skip + 1).to_string())),
        ("ss_network_alpha", own_scaling.then(|| train.alpha.to_string())),
        ("ss_network_dropout", number(Some(train.dropout).filter(|dropout| *dropout > 0.0))),
        ("ss_lr_warmup_steps", (train.lr_warmup_steps > 0).then(|| train.lr_warmup_steps.to_string())),
        ("ss_gradient_checkpointing", truth(train.gradient_checkpointing)),
        ("ss_prior_loss_weight", number(prior.map(|prior| prior.weight).filter(|weight| *weight != 1.0))),
        ("ss_enable_bucket", truth(dataset.aspect_buckets)),
        ("ss_flip_aug", truth(dataset.random_flip)),
        ("ss_random_crop", truth(dataset.crop == Crop::Random)),
        ("ss_training_comment", comment(wanted)),
    ];
    entries.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// `ss_network_args` beside those of the kind, in the words of `networks.lora` and `lycoris.kohya`.
fn arguments(train: &TrainRecipe) -> Vec<(&'static str, String)> {
    let truth = |is: bool| is.then(|| "True".to_owned());
    let lycoris = is_of_lycoris(train.adapter);
    let convolutions = train.targets == Targets::All;
    let alpha = if lycoris { train.alpha } else { train.plain_alpha() };
    let arguments = [
        ("preset", (lycoris && train.targets == Targets::Attention).then(|| "attn-only".to_owned())),
        ("conv_dim", convolutions.then(|| train.rank.to_string())),
        ("conv_alpha", convolutions.then(|| alpha.to_string())),
        ("factor", train.lokr_factor.map(|factor| factor.to_string())),
        ("rs_lora", truth(lycoris && train.scaling == Scaling::RsLora)),
        ("loraplus_lr_ratio", train.optimizer.lora_plus_ratio.map(|ratio| ratio.to_string())),
    ];
    arguments.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// What sd-scripts has no key for.
fn comment(wanted: &Train) -> Option<String> {
    let prior = wanted.train.prior_preservation.as_ref();
    let mean = wanted.train.recipe.ema_decay.map(|decay| format!("running mean of the weights, decay {decay}"));
    let output = prior.and_then(|prior| prior.output_of.as_ref());
    let output = output.map(|prompt| format!("keeps the base model's output for \"{prompt}\""));
    let parts: Vec<String> = mean.into_iter().chain(output).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Whether sd-scripts trains it through LyCORIS (`lycoris.kohya`), not through its own `networks.lora`.
fn is_of_lycoris(kind: AdapterKind) -> bool {
    match kind {
        AdapterKind::Lora => false,
        AdapterKind::Loha | AdapterKind::Lokr | AdapterKind::Dora => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choice::LrScheduler;
    use crate::experiment::Settings;
    use crate::stage::{Inputs, Stage, fixture};
    use std::collections::BTreeSet;

    /// The metadata of a training with these settings.
    fn metadata(change: impl FnOnce(&mut Settings)) -> BTreeMap<String, String> {
        let mut settings = fixture::settings();
        change(&mut settings);
        match fixture::inputs(Stage::Train, &settings, "cpu") {
            Inputs::Train(train) => of(&train),
            other => panic!("{other:?}"),
        }
    }

    /// The keys that `tests/golden/training/make_sd_scripts.py` found in sd-scripts' train_network.py.
    fn known() -> BTreeSet<String> {
        #[derive(serde::Deserialize)]
        struct Golden {
            keys: BTreeSet<String>,
        }
        let text = include_str!("../../tests/golden/training/sd_scripts.json");
        serde_json::from_str::<Golden>(text).unwrap().keys
    }

    #[test]
    fn options_are_told_in_the_words_of_sd_scripts() {
        let all = metadata(|settings| {
            let Settings { train, dataset, .. } = settings;
            (dataset.aspect_buckets, dataset.random_flip, dataset.crop) = (true, true, Crop::Random);
            let recipe = &mut train.recipe;
            recipe.lr_scheduler = LrScheduler::CosineWithRestarts;
            (recipe.noise_offset, recipe.snr_gamma, recipe.caption_dropout) = (Some(0.05), Some(5.0), Some(0.1));
            (recipe.clip_skip, recipe.text_encoder_learning_rate) = (Some(1), Some(5e-5));
            (recipe.dropout, recipe.lr_warmup_steps, recipe.gradient_checkpointing) = (0.25, 10, true);
            (recipe.ema_decay, recipe.targets) = (Some(0.999), Targets::All);
            recipe.optimizer.lora_plus_ratio = Some(16.0);
        });
        let expected = [
            ("ss_lr_scheduler", "cosine_with_restarts"),
            ("ss_noise_offset", "0.05"),
            ("ss_min_snr_gamma", "5"),
            ("ss_caption_dropout_rate", "0.1"),
            ("ss_clip_skip", "2"),
            ("ss_text_encoder_lr", "0.00005"),
            ("ss_unet_lr", "0.0001"),
            ("ss_network_dropout", "0.25"),
            ("ss_lr_warmup_steps", "10"),
            ("ss_gradient_checkpointing", "True"),
            ("ss_enable_bucket", "True"),
            ("ss_flip_aug", "True"),
            ("ss_random_crop", "True"),
            ("ss_training_comment", "running mean of the weights, decay 0.999"),
            ("ss_network_args", r#"{"conv_dim": "4", "conv_alpha": "4", "loraplus_lr_ratio": "16"}"#),
        ];
        for (key, value) in expected {
            assert_eq!(all[key], value, "{key}");
        }
        let known = known();
        assert!(known.len() > 50);
        let unknown: Vec<&String> = all.keys().filter(|key| key.starts_with("ss_") && !known.contains(*key)).collect();
        assert!(unknown.is_empty(), "sd-scripts writes no {unknown:?}");
    }

    #[test]
    fn nothing_is_said_of_options_that_are_not_used() {
        let plain = metadata(|_| {});
        let silent = ["ss_clip_skip", "ss_noise_offset", "ss_flip_aug", "ss_text_encoder_lr", "ss_training_comment"];
        assert!(silent.iter().all(|key| !plain.contains_key(*key)), "{plain:?}");
        assert_eq!(plain["ss_network_args"], "{}");
    }

    #[test]
    fn each_kind_names_the_trainer_that_has_it() {
        let arguments = |kind, change: fn(&mut TrainRecipe)| {
            let all = metadata(|settings| {
                settings.train.recipe.adapter = kind;
                change(&mut settings.train.recipe);
            });
            (all["ss_network_args"].clone(), all.get("ss_network_alpha").cloned())
        };
        let preset = |algorithm: &str| format!(r#"{{{algorithm}, "preset": "attn-only"}}"#);
        assert_eq!(arguments(AdapterKind::Loha, |_| ()), (preset(r#""algo": "loha""#), None));
        assert_eq!(arguments(AdapterKind::Dora, |_| ()), (preset(r#""algo": "lora", "dora_wd": "True""#), None));
        let lokr = arguments(AdapterKind::Lokr, |recipe| {
            (recipe.targets, recipe.scaling, recipe.lokr_factor) = (Targets::All, Scaling::RsLora, Some(8));
        });
        let told = r#"{"algo": "lokr", "conv_dim": "4", "conv_alpha": "4", "factor": "8", "rs_lora": "True"}"#;
        assert_eq!(lokr, (told.to_owned(), Some("4".to_owned())));
        // sd-scripts' own LoRA does not know it; its alpha gives the same strength.
        let lora = arguments(AdapterKind::Lora, |recipe| recipe.scaling = Scaling::RsLora);
        assert_eq!(lora, ("{}".to_owned(), None));
    }
}
