//! What the report knows about single settings: how people call them, and which of them are special.

use crate::experiment::axis::{is_usual, noun};
use crate::report::data::Setting;

/// Seeds, which repeat a condition with other photos or other noise. No value of a seed is better than another.
const REPEATS: [&str; 2] = ["train.seed", "dataset.seed"];

/// Whether the setting is a seed that only repeats a condition.
pub(crate) fn is_repeat(key: &str) -> bool {
    REPEATS.contains(&key)
}

/// Settings that one moves while looking at the images, as a slider: after which step, and at which strength.
const SLIDERS: [&str; 2] = [CHECKPOINT, "generate.lora_scale"];

/// The step after which a training's adapter was kept.
pub(crate) const CHECKPOINT: &str = "generate.checkpoint";

/// Whether the setting is a slider over all images, not a column of its own.
pub(crate) fn is_slider(key: &str) -> bool {
    SLIDERS.contains(&key)
}

/// Whether the values count training photos: the axis that a study is about if it is swept.
pub(crate) fn counts_photos(key: &str) -> bool {
    is_usual(key)
}

/// The label of the setting's axis in a chart.
pub(crate) fn label(key: &str) -> String {
    noun(key).map_or_else(|| name(key), |noun| format!("training {noun}s"))
}

/// A swept setting as people say it.
pub(crate) fn say(key: &str, value: &str) -> String {
    match (key, noun(key)) {
        (_, Some(noun)) if value == "1" => format!("1 {noun}"),
        (_, Some(noun)) => format!("{value} {noun}s"),
        ("dataset.images", _) => format!("photos of {value}"),
        ("dataset.held_out", _) => format!("{value} held out"),
        (CHECKPOINT, _) => format!("after step {value}"),
        _ => format!("{} {value}", name(key)),
    }
}

/// A setting's dotted name as people say it.
pub(crate) fn name(key: &str) -> String {
    if let Some(noun) = noun(key) {
        return format!("number of {noun}s");
    }
    match key {
        "train.seed" => "training seed".to_owned(),
        "dataset.seed" => "photo seed".to_owned(),
        "dataset.images" => "photo folder".to_owned(),
        CHECKPOINT => "training step".to_owned(),
        "generate.lora_scale" => "LoRA strength".to_owned(),
        // A training has steps and a batch size, too.
        "generate.steps" => "sampling steps".to_owned(),
        "generate.batch_size" => "image batch size".to_owned(),
        _ => key.rsplit('.').next().unwrap_or(key).replace('_', " "),
    }
}

/// Several settings, joined.
pub(crate) fn say_all<'s>(settings: impl IntoIterator<Item = &'s Setting>) -> String {
    settings.into_iter().map(|s| say(&s.key, &s.value)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_said_in_words() {
        assert_eq!(say("dataset.size", "25"), "25 photos");
        assert_eq!(say("dataset.size", "1"), "1 photo");
        assert_eq!(say("train.learning_rate", "1e-4"), "learning rate 1e-4");
        assert_eq!(label("dataset.size"), "training photos");
        assert_eq!(label("train.rank"), "rank");
    }
}
