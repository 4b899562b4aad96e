//! The prompts of a study, and what the models do not see of them.

use std::borrow::Cow;

use crate::choice::PromptOptions;
use crate::experiment::Settings;
use crate::models::Reading;
use crate::photos::Scan;
use crate::text::weighted;

/// This many characters of a prompt are shown.
const SHOWN: usize = 60;

/// The prompts of one setting.
pub(super) struct PromptList<'a> {
    /// What messages call it.
    pub(super) name: &'static str,
    /// Whether each prompt is drawn, on the same noise as the others of the list.
    pub(super) drawn: bool,
    /// As the text encoder gets them.
    pub(super) prompts: Vec<Cow<'a, str>>,
    /// How they are read.
    pub(super) options: PromptOptions,
    /// Whether `[generate]` decides how they are read; a training always reads 77 tokens as they stand.
    pub(super) of_images: bool,
}

/// Every prompt that a model reads for a cell: those of the settings and the captions of its photos.
pub(super) fn of<'a>(settings: &'a Settings, photos: Option<&'a Scan>) -> Vec<PromptList<'a>> {
    let (generate, train) = (&settings.generate, &settings.train);
    let borrowed = |prompts: &'a [String]| prompts.iter().map(|prompt| Cow::Borrowed(prompt.as_str())).collect();
    let list = |name, drawn, prompts: &'a [String]| PromptList {
        name,
        drawn,
        prompts: borrowed(prompts),
        options: generate.images.reading,
        of_images: true,
    };
    let one = |name, prompt: &'a String| PromptList {
        options: PromptOptions::default(),
        of_images: false,
        ..list(name, false, std::slice::from_ref(prompt))
    };
    let mut lists = vec![
        list("generate.prompts", true, &generate.images.prompts),
        list("generate.baseline_prompts", true, &generate.baseline_prompts),
        list("evaluate.drift_prompts", true, &settings.evaluate.drift_prompts),
        one("train.instance_prompt", &train.recipe.instance_prompt),
        one("subject.identifier", &settings.subject.identifier),
    ];
    if generate.images.guidance.is_on() {
        let negative = std::slice::from_ref(&generate.images.negative_prompt);
        lists.push(list("generate.negative_prompt", false, negative));
    }
    if let Some(prior) = &train.prior_preservation {
        lists.push(one("train.prior_preservation.class_prompt", &prior.images.class_prompt));
    }
    if let Some(scan) = photos.filter(|_| settings.dataset.captions) {
        let captions = scan.photos.iter().filter_map(|photo| photo.caption.as_deref()).map(Cow::Borrowed);
        let captions = captions.collect();
        lists.push(PromptList { prompts: captions, ..one("the captions", &train.recipe.instance_prompt) });
    }
    lists
}

/// Says which part of a prompt the model does not see; `None` if it sees all. `name` is that of the setting, and
/// `setting` reads all of it.
#[must_use]
pub fn too_long(name: &str, prompt: &str, reading: &Reading, setting: Option<&str>) -> Option<String> {
    let lost = reading.lost(prompt)?.trim();
    let tokens = reading.chunks.first().map_or(0, |chunk| chunk.ids.len());
    let help = setting.map_or_else(String::new, |setting| format!(" {setting} reads it to its end."));
    Some(format!(
        "The prompt {} of {name} is longer than the {tokens} tokens a model reads; this end of it is cut off: \
         {}.{help}",
        beginning(prompt),
        both_ends(lost)
    ))
}

/// Says that a weight of a prompt is read as it stands; `None` if the prompt has none, or weights are read. `setting`
/// switches that on.
#[must_use]
pub fn plain_weight(name: &str, prompt: &str, options: &PromptOptions, setting: Option<&str>) -> Option<String> {
    let weight = weighted::first_weight(prompt).filter(|_| !options.prompt_weights)?;
    let help = match setting {
        Some(setting) => format!("{setting} makes a weight of it"),
        None => "a training does not weight words".to_owned(),
    };
    Some(format!(
        "The prompt {} of {name} has {}, which the model reads with brackets and number: {help}.",
        beginning(prompt),
        both_ends(weight)
    ))
}

/// A prompt in quotes, shortened.
pub(super) fn beginning(prompt: &str) -> String {
    let mut short: String = prompt.chars().take(SHOWN).collect();
    if short.len() < prompt.len() {
        short.push('…');
    }
    format!("\"{short}\"")
}

/// A long text in quotes without its middle: what matters often stands at the end of a prompt.
fn both_ends(text: &str) -> String {
    let length = text.chars().count();
    if length <= 2 * SHOWN {
        return format!("\"{text}\"");
    }
    let first: String = text.chars().take(SHOWN).collect();
    let last: String = text.chars().skip(length - SHOWN).collect();
    format!("\"{first} … {last}\"")
}
