//! Prompts that a model does not read as they stand.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::listed::listed;
use crate::choice::PromptOptions;
use crate::experiment::{Experiment, Settings};
use crate::models::Reading;
use crate::plan::facts::Facts;
use crate::plan::prompts::{self, PromptList, beginning, plain_weight, too_long};
use crate::plan::readings::Readings;

/// This many cut prompts of one setting are told one by one.
const MOST: usize = 5;

/// Everything about the prompts of all cells, each sentence once.
pub(super) fn gather(experiment: &Experiment, facts: &Facts) -> Vec<String> {
    let mut notices = Vec::new();
    let mut seen = BTreeSet::new();
    for cell in experiment.cells() {
        let settings = &cell.settings;
        let Some(readings) = facts.readings.get(&settings.model.sources()) else { continue };
        let lists = prompts::of(settings, facts.photos.get(&settings.dataset.images));
        let mut told = identifier(settings, readings);
        for list in &lists {
            told.extend(cut(list, settings, readings));
            told.extend(unread_weights(list));
            if list.drawn {
                told.extend(equal(list, readings));
            }
            told.extend(unknown(list, readings));
        }
        told.extend(same_as_class(settings, readings));
        notices.extend(told.into_iter().filter(|notice| seen.insert(notice.clone())));
    }
    notices
}

/// Prompts with a part that the model does not see, and those that lose the identifier with it.
fn cut(list: &PromptList<'_>, settings: &Settings, readings: &Readings) -> Vec<String> {
    let identifier = settings.subject.identifier.to_lowercase();
    let sentence = |prompt: &Cow<'_, str>| {
        let reading = readings.get(prompt, &list.options)?;
        let setting = list.of_images.then_some("`generate.long_prompts = true`");
        let text = too_long(&in_quotes(list.name), prompt, reading, setting)?;
        let seen = prompt.get(..reading.cut?)?;
        let has = |text: &str| !identifier.is_empty() && text.to_lowercase().contains(&identifier);
        let lost = has(prompt) && !has(seen);
        let warning =
            format!(" The identifier \"{}\" is in that part: the model does not see it.", settings.subject.identifier);
        Some((lost, if lost { text + &warning } else { text }))
    };
    let mut sentences: Vec<(bool, String)> = list.prompts.iter().filter_map(sentence).collect();
    // Those without the identifier are the worst.
    sentences.sort_by_key(|(lost, _)| !lost);
    let sentences = sentences.into_iter().map(|(_, text)| text).collect();
    few(sentences, |more| format!("{more} more of {} are cut off in the same way.", in_quotes(list.name)))
}

/// Prompts with weights that are not read as weights.
fn unread_weights(list: &PromptList<'_>) -> Vec<String> {
    let name = in_quotes(list.name);
    let setting = list.of_images.then_some("`generate.prompt_weights = true`");
    let sentence = |prompt: &Cow<'_, str>| plain_weight(&name, prompt, &list.options, setting);
    let sentences = list.prompts.iter().filter_map(sentence).collect();
    few(sentences, |more| format!("{more} more of {name} have weights that are read in the same way."))
}

/// The first sentences, and one about how many more there are.
fn few(mut sentences: Vec<String>, rest: impl Fn(usize) -> String) -> Vec<String> {
    let more = sentences.len().saturating_sub(MOST);
    sentences.truncate(MOST);
    sentences.extend((more > 0).then(|| rest(more)));
    sentences
}

/// Prompts of one list that are the same to the model.
fn equal(list: &PromptList<'_>, readings: &Readings) -> Vec<String> {
    let mut groups: Vec<(&Reading, Vec<&str>)> = Vec::new();
    for prompt in &list.prompts {
        let Some(reading) = readings.get(prompt, &list.options) else { continue };
        match groups.iter_mut().find(|(known, _)| known.chunks == reading.chunks) {
            Some((_, prompts)) => prompts.push(prompt),
            None => groups.push((reading, vec![prompt])),
        }
    }
    let several = groups.into_iter().map(|(_, prompts)| prompts).filter(|prompts| prompts.len() > 1);
    several.filter_map(|prompts| same(&prompts, list, readings)).collect()
}

fn same(prompts: &[&str], list: &PromptList<'_>, readings: &Readings) -> Option<String> {
    let readings: Vec<&Reading> = prompts.iter().filter_map(|prompt| readings.get(prompt, &list.options)).collect();
    let why = if readings.iter().any(|reading| reading.cut.is_some()) {
        "what differs is cut off"
    } else if readings.iter().any(|reading| !reading.unknown.is_empty()) {
        "its tokenizer does not know what differs"
    } else {
        "letter case and spaces do not count"
    };
    let names = listed(prompts.iter().map(|prompt| beginning(prompt)).collect())?;
    let name = in_quotes(list.name);
    Some(format!("These prompts of {name} are the same to the model ({why}) and give the same images: {names}."))
}

/// Letters that a small vocabulary lacks.
fn unknown(list: &PromptList<'_>, readings: &Readings) -> Option<String> {
    if list.name == "subject.identifier" {
        return None;
    }
    let pieces: BTreeSet<&String> = list
        .prompts
        .iter()
        .filter_map(|prompt| readings.get(prompt, &list.options))
        .flat_map(|reading| &reading.unknown)
        .collect();
    let names = listed(pieces.into_iter().map(|piece| format!("\"{piece}\"")).collect())?;
    let name = in_quotes(list.name);
    Some(format!("The model's tokenizer does not know these parts of {name} and reads them all as the same: {names}."))
}

/// An identifier that means nothing to the model.
fn identifier(settings: &Settings, readings: &Readings) -> Vec<String> {
    let word = &settings.subject.identifier;
    let unread = readings.get(word, &PromptOptions::default()).is_some_and(|reading| !reading.unknown.is_empty());
    let text = format!(
        "The model's tokenizer does not know all of the identifier \"{word}\": other words it does not know are the \
         same to it. Letters from a to z are known to each tokenizer."
    );
    if unread { vec![text] } else { Vec::new() }
}

/// Photos and class images with one prompt work against each other.
fn same_as_class(settings: &Settings, readings: &Readings) -> Option<String> {
    let prior = settings.train.prior_preservation.as_ref()?;
    let (instance, class) = (&settings.train.recipe.instance_prompt, &prior.images.class_prompt);
    let read = |prompt| Some(&readings.get(prompt, &PromptOptions::default())?.chunks);
    if read(instance)? != read(class)? {
        return None;
    }
    Some(format!(
        "`train.instance_prompt` and `train.prior_preservation.class_prompt` are the same to the model ({} and {}): \
         the photos and the class images then teach it opposite things.",
        beginning(instance),
        beginning(class)
    ))
}

/// Settings stand in back quotes, `the captions` do not.
fn in_quotes(name: &str) -> String {
    if name.contains(' ') { name.to_owned() } else { format!("`{name}`") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Chunk;

    fn list<'a>(prompts: &[&'a str]) -> PromptList<'a> {
        PromptList {
            name: "generate.prompts",
            drawn: true,
            prompts: prompts.iter().map(|p| Cow::Borrowed(*p)).collect(),
            options: PromptOptions::default(),
            of_images: true,
        }
    }

    /// Words are their own tokens, three fit.
    fn read(prompt: &str) -> Reading {
        let words: Vec<&str> = prompt.split(' ').collect();
        let ids = words.iter().take(3).map(|word| u32::from(blake3::hash(word.as_bytes()).as_bytes()[0])).collect();
        let cut = (words.len() > 3).then(|| words[..3].join(" ").len() + 1);
        Reading { chunks: vec![Chunk { ids, weights: Vec::new() }], cut, unknown: Vec::new() }
    }

    fn readings(prompts: &[&str]) -> Readings {
        let mut readings = Readings::default();
        for prompt in prompts {
            readings.insert((*prompt).to_owned(), &PromptOptions::default(), read(prompt));
        }
        readings
    }

    #[test]
    fn prompts_that_differ_in_what_is_cut_off_are_equal() {
        let prompts = ["a b c on the beach", "a b c in the snow", "a b d"];
        let told = equal(&list(&prompts), &readings(&prompts));
        assert_eq!(told.len(), 1);
        assert!(
            told[0].contains("give the same images: \"a b c on the beach\", \"a b c in the snow\"."),
            "{}",
            told[0]
        );
        assert!(told[0].contains("what differs is cut off"));
        assert!(equal(&list(&prompts[1..]), &readings(&prompts)).is_empty());
    }

    #[test]
    fn the_part_that_is_cut_off_is_quoted() {
        let prompt = "a b c on the beach";
        let text = too_long("`generate.prompts`", prompt, &read(prompt), None).unwrap();
        assert!(text.ends_with("cut off: \"on the beach\"."), "{text}");
        let text = too_long("`generate.prompts`", prompt, &read(prompt), Some("--long-prompts")).unwrap();
        assert!(text.ends_with("--long-prompts reads it to its end."), "{text}");
        assert_eq!(too_long("x", "a b c", &read("a b c"), None), None);
    }

    #[test]
    fn weights_that_are_not_read_are_told() {
        let prompts: Vec<String> = (0..7).map(|i| format!("a (red:1.{i}) hat")).collect();
        let prompts: Vec<&str> = prompts.iter().map(String::as_str).chain(["a (red) hat"]).collect();
        let told = unread_weights(&list(&prompts));
        assert_eq!(told.len(), MOST + 1, "{told:?}");
        assert!(told[0].contains("has \"(red:1.0)\", which the model reads with brackets and number"), "{}", told[0]);
        assert!(told[0].ends_with("`generate.prompt_weights = true` makes a weight of it."), "{}", told[0]);
        assert!(told[MOST].starts_with("2 more of `generate.prompts`"), "{}", told[MOST]);
        let options = PromptOptions { prompt_weights: true, ..PromptOptions::default() };
        assert!(unread_weights(&PromptList { options, ..list(&prompts) }).is_empty());
        let training = PromptList { of_images: false, ..list(&prompts[..1]) };
        assert!(unread_weights(&training)[0].ends_with("a training does not weight words."));
    }
}
