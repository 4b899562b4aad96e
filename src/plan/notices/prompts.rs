//! Prompts that a model does not read as they stand.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::listed::listed;
use crate::experiment::{Experiment, Settings};
use crate::models::Reading;
use crate::plan::facts::Facts;
use crate::plan::prompts::{self, PromptList, beginning, too_long};

/// This many cut prompts of one setting are told one by one.
const MOST: usize = 5;

type Readings = BTreeMap<String, Reading>;

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
        let reading = readings.get(&**prompt)?;
        let text = too_long(&in_quotes(list.name), prompt, reading)?;
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
    let more = sentences.len().saturating_sub(MOST);
    let mut told: Vec<String> = sentences.into_iter().take(MOST).map(|(_, text)| text).collect();
    if more > 0 {
        told.push(format!("{more} more of {} are cut off in the same way.", in_quotes(list.name)));
    }
    told
}

/// Prompts of one list that are the same to the model.
fn equal(list: &PromptList<'_>, readings: &Readings) -> Vec<String> {
    let mut groups: BTreeMap<&[u32], Vec<&str>> = BTreeMap::new();
    for prompt in &list.prompts {
        if let Some(reading) = readings.get(&**prompt) {
            groups.entry(&reading.ids).or_default().push(prompt);
        }
    }
    let several = groups.into_values().filter(|prompts| prompts.len() > 1);
    several.filter_map(|prompts| same(&prompts, list.name, readings)).collect()
}

fn same(prompts: &[&str], name: &str, readings: &Readings) -> Option<String> {
    let why = if prompts.iter().any(|prompt| readings.get(*prompt).is_some_and(|r| r.cut.is_some())) {
        "what differs is cut off"
    } else if prompts.iter().any(|prompt| readings.get(*prompt).is_some_and(|r| !r.unknown.is_empty())) {
        "its tokenizer does not know what differs"
    } else {
        "letter case and spaces do not count"
    };
    let names = listed(prompts.iter().map(|prompt| beginning(prompt)).collect())?;
    let name = in_quotes(name);
    Some(format!("These prompts of {name} are the same to the model ({why}) and give the same images: {names}."))
}

/// Letters that a small vocabulary lacks.
fn unknown(list: &PromptList<'_>, readings: &Readings) -> Option<String> {
    if list.name == "subject.identifier" {
        return None;
    }
    let pieces: BTreeSet<&String> =
        list.prompts.iter().filter_map(|prompt| readings.get(&**prompt)).flat_map(|reading| &reading.unknown).collect();
    let names = listed(pieces.into_iter().map(|piece| format!("\"{piece}\"")).collect())?;
    let name = in_quotes(list.name);
    Some(format!("The model's tokenizer does not know these parts of {name} and reads them all as the same: {names}."))
}

/// An identifier that means nothing to the model.
fn identifier(settings: &Settings, readings: &Readings) -> Vec<String> {
    let word = &settings.subject.identifier;
    let unread = readings.get(word).is_some_and(|reading| !reading.unknown.is_empty());
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
    if readings.get(instance)?.ids != readings.get(class)?.ids {
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

    fn list<'a>(prompts: &[&'a str]) -> PromptList<'a> {
        PromptList {
            name: "generate.prompts",
            drawn: true,
            prompts: prompts.iter().map(|p| Cow::Borrowed(*p)).collect(),
        }
    }

    /// Words are their own tokens, three fit.
    fn read(prompt: &str) -> Reading {
        let words: Vec<&str> = prompt.split(' ').collect();
        let ids = words.iter().take(3).map(|word| u32::from(blake3::hash(word.as_bytes()).as_bytes()[0])).collect();
        let cut = (words.len() > 3).then(|| words[..3].join(" ").len() + 1);
        Reading { ids, cut, unknown: Vec::new() }
    }

    fn readings(prompts: &[&str]) -> Readings {
        prompts.iter().map(|prompt| ((*prompt).to_owned(), read(prompt))).collect()
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
        let text = too_long("`generate.prompts`", "a b c on the beach", &read("a b c on the beach")).unwrap();
        assert!(text.contains("cut off: \"on the beach\"."), "{text}");
        assert_eq!(too_long("x", "a b c", &read("a b c")), None);
    }
}
