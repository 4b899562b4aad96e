//! The table from category to sentence: everything that the verdict can say, once.
//!
//! Each function says one thing. Names of conditions come in as they are: `5 photos`, `rank 4`.

use super::question::Question;
use crate::text;

/// `is` or `are`, whatever the name asks for.
pub(super) fn is(name: &str) -> &'static str {
    let number = name.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    if name.ends_with('s') && number.is_some_and(|n| n != 1.0) { "are" } else { "is" }
}

/// `was` or `were`.
pub(super) fn was(name: &str) -> &'static str {
    if is(name) == "are" { "were" } else { "was" }
}

/// Whether names are few and short enough to stand in one sentence, and have no commas of their own.
pub(super) fn listable(names: &[&str]) -> bool {
    let short = |name: &&str| !name.contains(',') && name.chars().count() <= 60;
    names.len() <= 1 || names.len() <= 4 && names.iter().all(short)
}

/// What a share of the best condition's gain is called: `nine tenths of what`.
pub(super) fn tenths(share: f64) -> &'static str {
    const WORDS: [&str; 11] = [
        "next to nothing",
        "a tenth of what",
        "two tenths of what",
        "three tenths of what",
        "four tenths of what",
        "half of what",
        "six tenths of what",
        "seven tenths of what",
        "eight tenths of what",
        "nine tenths of what",
        "nearly as much as",
    ];
    WORDS[(share.clamp(0.0, 1.0) * 10.0).round() as usize]
}

/// `15 photos bought nine tenths of what 25 photos bought`.
pub(super) fn bought(names: &[&str], share: f64, best: &str) -> String {
    let each = if names.len() > 1 { " each" } else { "" };
    let name = text::list(names) + each;
    match tenths(share) {
        equal @ "nearly as much as" => format!("{name} bought {equal} {best}"),
        nothing @ "next to nothing" => format!("{name} bought {nothing}"),
        part => format!("{name} bought {part} {best} bought"),
    }
}

/// All conditions bought about the same: they came so far of the way to real photos, as shares.
pub(super) fn bought_alike(names: &[&str], low: f64, high: f64) -> String {
    let all = if names.len() == 2 { "both" } else { "all" };
    format!("{} {all} brought the images {} from the base model's to real photos", text::list(names), way(low, high))
}

/// How much of a way, given as shares: `56 to 58 % of the way`. More than all of it is no better than all of it.
pub(super) fn way(low: f64, high: f64) -> String {
    let percent = |share: f64| format!("{:.0}", share * 100.0);
    match (percent(low), percent(high)) {
        _ if low >= 1.0 => "all the way".to_owned(),
        (low, _) if high >= 1.0 => format!("{low}\u{a0}% to all of the way"),
        (low, high) if low == high => format!("{low}\u{a0}% of the way"),
        (low, high) => format!("{low} to {high}\u{a0}% of the way"),
    }
}

/// Images that are more like the photos than other photos are.
pub(super) fn above_real(names: &[&str]) -> String {
    let with = names.iter().filter(|name| !name.is_empty()).copied().collect::<Vec<_>>();
    let with = if with.is_empty() { String::new() } else { format!("With {}, ", text::list(&with)) };
    format!("{with}images are more like the photos than real photos are like each other: look whether they copy them.")
}

/// A number of several conditions, `12` or `12 to 30`, with that many digits after the point.
pub(super) fn span(low: f64, high: f64, digits: usize) -> String {
    match (format!("{low:.digits$}"), format!("{high:.digits$}")) {
        (low, high) if low == high => low,
        (low, high) => format!("{low} to {high}"),
    }
}

/// The condition is clearly worse than some others; `all` if these are all others.
pub(super) fn worse(name: &str, than: &[&str], all: bool) -> String {
    let is = is(name);
    match (than.len(), all) {
        (2, true) => format!("{name} {is} worse than both others"),
        (3.., true) => format!("{name} {is} worse than all others"),
        _ => format!("{name} {is} worse than {}", text::list(than)),
    }
}

/// One condition is clearly better than every other.
pub(super) fn best(name: &str, others: &[&str]) -> String {
    format!("{name} {} better than {}", is(name), text::list(others))
}

/// No difference is clear.
pub(super) fn alike(names: &[&str]) -> String {
    format!("{} cannot be told apart", text::list(names))
}

/// The smallest size that is enough.
pub(super) fn enough(name: &str, than: &str, at_most: f64) -> String {
    let is = is(name);
    let percent = (at_most * 100.0).ceil();
    if percent <= 0.0 {
        format!("{name} {is} enough: more photos bring no more")
    } else {
        format!("{name} {is} enough: at most {percent:.0}\u{a0}% of the way behind {than}")
    }
}

/// The last step was a clear gain.
pub(super) fn more_may_help(largest: &str, before: &str) -> String {
    format!("{largest} {} still clearly better than {before}, so more may help", is(largest))
}

/// How many are enough is open.
pub(super) fn not_told() -> &'static str {
    "How many photos are enough cannot be told with these trainings."
}

/// Against the base model.
pub(super) fn worse_than_base(names: &[&str]) -> String {
    format!("With {} the model is worse than without any training.", text::list(names))
}

/// One condition is clearly better than every other, in short.
pub(super) fn clear_best(name: &str) -> String {
    format!("{name} {} clearly better than all others", is(name))
}

/// One condition is better than no training.
pub(super) fn one_bought(question: Question) -> &'static str {
    match question {
        Question::Identity => "The training made the images more like the subject",
        Question::HeldOut | Question::Train => "The training brought the error below the base model's",
    }
}

/// No condition is clearly better than the base model.
pub(super) fn nothing_bought(one: bool) -> &'static str {
    if one {
        "The training is not clearly better than no training"
    } else {
        "No training is clearly better than no training at all"
    }
}

/// Trainings that diverged.
pub(super) fn diverged(name: &str, diverged: usize, all: usize) -> String {
    let with = if name.is_empty() { String::new() } else { format!(" with {name}") };
    match (diverged, all) {
        (1, 1) => format!("The training{with} diverged. It is in no mean."),
        (n, all) if n == all => format!("All {all} trainings{with} diverged. They are in no mean."),
        (n, all) => format!(
            "{n} of {all} trainings{with} diverged. The means leave {} out.",
            if n == 1 { "it" } else { "them" }
        ),
    }
}

/// One value of an axis against another, the other axes averaged.
pub(super) fn level_better(better: &str, worse: &str, by: f64) -> String {
    format!(
        "{better} {} better than {worse} (by {}, the other settings averaged)",
        is(better),
        text::measurement(by.abs())
    )
}

/// An order that another axis turns.
pub(super) fn turned(a: &str, b: &str, here: &str, there: &str) -> String {
    format!("With {here}, {a} {} better than {b}; with {there} it is the other way round.", is(a))
}

/// Photos that were learnt by heart.
pub(super) fn by_heart(name: &str, one: bool, train: f64, unseen: f64) -> String {
    let seen = if one { " in this one training" } else { "" };
    let start = match name {
        "" => "The photos were".to_owned(),
        photos if photos.ends_with(" photos") || photos == "1 photo" => format!("{photos} {}", was(photos)),
        other => format!("With {other} the photos were"),
    };
    format!(
        "{start} learnt by heart{seen}: the loss on the training photos changed by {}, on unseen photos by {}.",
        percent(train),
        percent(unseen)
    )
}

/// A side effect with its number and what it is held against.
pub(super) fn side_effect(names: &[&str], what: &str) -> String {
    let with = names.iter().filter(|name| !name.is_empty()).copied().collect::<Vec<_>>();
    if with.is_empty() { format!("{what}.") } else { format!("With {}: {what}.", text::list(&with)) }
}

/// A share in percent with its sign.
pub(super) fn percent(share: f64) -> String {
    let value = (share * 1000.0).round() / 10.0;
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{:.1}\u{a0}%", value.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_read_well() {
        assert_eq!(bought(&["15 photos"], 0.88, "25 photos"), "15 photos bought nine tenths of what 25 photos bought");
        assert_eq!(bought(&["15 photos"], 0.97, "25 photos"), "15 photos bought nearly as much as 25 photos");
        assert_eq!(worse("5 photos", &["15 photos", "25 photos"], true), "5 photos are worse than both others");
        assert_eq!(worse("rank 4", &["rank 16"], false), "rank 4 is worse than rank 16");
        assert_eq!(alike(&["15 photos", "25 photos"]), "15 photos and 25 photos cannot be told apart");
        assert_eq!(
            enough("15 photos", "25 photos", 0.055),
            "15 photos are enough: at most 6\u{a0}% of the way behind 25 photos"
        );
        assert_eq!(was("1 photo"), "was");
        let ways = [(0.56, 0.58), (0.5, 0.502), (0.94, 1.13), (1.01, 1.13), (-0.1, 0.2)].map(|(l, h)| way(l, h));
        let nbsp = |text: &str| text.replace(" %", "\u{a0}%");
        assert_eq!(
            ways,
            [
                nbsp("56 to 58 % of the way"),
                nbsp("50 % of the way"),
                nbsp("94 % to all of the way"),
                "all the way".to_owned(),
                nbsp("-10 to 20 % of the way")
            ]
        );
        assert_eq!(diverged("rank 4", 1, 3), "1 of 3 trainings with rank 4 diverged. The means leave it out.");
    }
}
