//! What else the trainings did, each held against its reference.

use crate::measures::verdict::Call;
use crate::measures::verdict::side_effects::{ByHeart, LEAK, Limit, SideEffect, VARIETY, by_heart};
use crate::report::closeness::close_images;
use crate::report::data::CellData;
use crate::text;

use super::judged::Judged;
use super::question::Question;
use super::words;

/// An image counts as copied when it is nearer to a training photo than unseen photos are by more than this cosine.
const COPY: f64 = 0.05;
/// So large a share of collapsed images is no accident.
const COLLAPSED: f64 = 0.25;

/// So large a share of images that are closer to a training photo than unseen photos are is no accident.
const CLOSE: f64 = 0.5;
/// Prompts count as forgotten in one training when so large a share of what the base model follows is lost. Sound
/// trainings of the demo lose up to 0.24.
const LOST: f64 = 1.0 / 3.0;
/// A leak is a share of what the subject's images gained. Where they gained less than this share of the way to real
/// photos, it says nothing.
const GAINED: f64 = 0.1;
/// The name of the side effect that is the question itself where the loss is judged.
const LOSS_ROSE: &str = "loss_rose";

/// A side effect that is read from measures by their names.
pub(super) struct Kind {
    /// Its name in `verdict.json`.
    pub(super) name: &'static str,
    /// The number of one training.
    pub(super) of: fn(&CellData) -> Option<f64>,
    /// What it is held against.
    pub(super) limit: Limit,
    /// Whether one training is enough to call it.
    pub(super) one_is_enough: bool,
    /// What it is called, given its mean.
    said: fn(f64) -> String,
}

/// All of them.
pub(super) const KINDS: [Kind; 8] = [
    Kind {
        name: "leak",
        of: |cell| {
            let [score, floor, ceiling] =
                ["identity", "identity_floor", "identity_ceiling"].map(|name| cell.value(name));
            let gained = score.zip(floor).map(|(score, floor)| score - floor);
            let span = ceiling.zip(floor).map(|(ceiling, floor)| ceiling - floor);
            let too_little = gained.zip(span).is_some_and(|(gained, span)| gained < GAINED * span);
            cell.value("leak").filter(|_| !too_little)
        },
        limit: Limit::Above(LEAK),
        one_is_enough: true,
        said: |mean| {
            format!(
                "the class was overwritten: other members of the class look like the subject, {:.0}\u{a0}% of the way",
                mean * 100.0
            )
        },
    },
    Kind {
        name: "copying",
        of: |cell| Some(cell.value("copying_gap")? - cell.value("held_out_copying_gap")?),
        limit: Limit::Above(COPY),
        one_is_enough: true,
        said: |mean| {
            format!(
                "images copy their photos: they are nearer to a training photo than new photos of the subject are (by \
                 a cosine of {})",
                text::measurement(mean)
            )
        },
    },
    Kind {
        name: "copied_pixels",
        of: |cell| {
            cell.value("max_nearest_similarity")?;
            let images = cell.prompt_images();
            (images > 0).then(|| close_images(cell) as f64 / images as f64)
        },
        limit: Limit::Above(CLOSE),
        one_is_enough: true,
        said: |mean| {
            format!(
                "{:.0}\u{a0}% of the images are, pixel by pixel, closer to a training photo than new photos are",
                mean * 100.0
            )
        },
    },
    Kind {
        name: "prompt_lost",
        of: |cell| {
            let base = cell.value("baseline_prompt_following").filter(|base| *base > 0.0)?;
            Some(cell.value("prompt_following_change")? / base)
        },
        limit: Limit::Below(-LOST),
        one_is_enough: true,
        said: |mean| format!("{:.0}\u{a0}% of what the base model follows of its prompts was lost", -mean * 100.0),
    },
    Kind {
        name: LOSS_ROSE,
        of: |cell| {
            let base = cell.value("baseline_probe_held_out").filter(|base| *base > 0.0)?;
            Some((cell.value("probe_held_out")? - base) / base)
        },
        limit: Limit::Above(0.0),
        one_is_enough: true,
        said: |mean| format!("the loss on unseen photos ended {:.1}\u{a0}% above the base model's", mean * 100.0),
    },
    Kind {
        name: "prompt_forgotten",
        of: |cell| cell.value("prompt_following_change"),
        limit: Limit::Below(0.0),
        one_is_enough: false,
        said: |mean| {
            format!("images follow their prompts less than the base model's do (by {})", text::measurement(-mean))
        },
    },
    Kind {
        name: "variety_lost",
        of: |cell| cell.value("feature_variety"),
        limit: Limit::Below(VARIETY),
        one_is_enough: true,
        said: |mean| format!("images of one prompt are much alike: {:.0}\u{a0}% of the variety is left", mean * 100.0),
    },
    Kind {
        name: "collapsed",
        of: |cell| cell.value("collapsed"),
        limit: Limit::Above(COLLAPSED),
        one_is_enough: true,
        said: |mean| format!("{:.0}\u{a0}% of the images have collapsed into noise or one colour", mean * 100.0),
    },
];

/// A side effect of a condition; `None` where it is not measured.
pub(super) fn side_effect(judged: &Judged<'_>, condition: usize, kind: &Kind) -> Option<SideEffect> {
    let cells = judged.conditions[condition].cells(judged.data);
    let mut effect = SideEffect::of(cells.filter_map(kind.of), kind.limit)?;
    effect.there &= kind.one_is_enough || effect.estimate.n > 1;
    Some(effect)
}

/// How much of the subject is in images of the class; `None` where it is not measured.
pub(crate) fn leak(judged: &Judged<'_>, condition: usize) -> Option<SideEffect> {
    KINDS.iter().find(|kind| kind.name == "leak").and_then(|kind| side_effect(judged, condition, kind))
}

/// Whether the photos of a condition were learnt by heart; `None` where no photo is held out.
pub(super) fn heart(judged: &Judged<'_>, condition: usize) -> Option<ByHeart> {
    let change = |cell: &CellData, split: &str| {
        let base = cell.value(&format!("baseline_probe_{split}")).filter(|base| *base > 0.0)?;
        Some((cell.value(&format!("probe_{split}"))? - base) / base)
    };
    let cells = judged.conditions[condition].cells(judged.data);
    let changes: Vec<(f64, f64)> =
        cells.filter_map(|cell| Some((change(cell, "train")?, change(cell, "held_out")?))).collect();
    by_heart(&changes)
}

/// A sentence for each side effect that is there.
pub(super) fn notes(judged: &Judged<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let scored = judged.scored();
    let hearts: Vec<(usize, ByHeart)> =
        scored.iter().filter_map(|c| Some((*c, heart(judged, *c).filter(|h| h.there)?))).collect();
    if hearts.len() <= 3 {
        notes.extend(
            hearts.iter().map(|(c, h)| words::by_heart(judged.title(*c), h.gap.n == 1, h.train.mean, h.held_out.mean)),
        );
    } else {
        notes.push(format!(
            "In {} of {} conditions the photos were learnt by heart: the loss fell on them and not on unseen photos.",
            hearts.len(),
            scored.len()
        ));
    }
    let asked = |kind: &&Kind| kind.name != LOSS_ROSE || judged.question == Question::Identity;
    for kind in KINDS.iter().filter(asked) {
        let there: Vec<(usize, SideEffect)> =
            scored.iter().filter_map(|c| Some((*c, side_effect(judged, *c, kind).filter(|e| e.there)?))).collect();
        match there.as_slice() {
            [] => {}
            [one] => notes.push(words::side_effect(&[judged.title(one.0)], &(kind.said)(one.1.estimate.mean))),
            several if several.len() <= 4 => {
                let names: Vec<&str> = several.iter().map(|(c, _)| judged.title(*c)).collect();
                let mean = several.iter().map(|(_, e)| e.estimate.mean).sum::<f64>() / several.len() as f64;
                notes.push(words::side_effect(&names, &(kind.said)(mean)));
            }
            many => {
                let mean = many.iter().map(|(_, e)| e.estimate.mean).sum::<f64>() / many.len() as f64;
                notes.push(format!("In {} of {} conditions {}.", many.len(), scored.len(), (kind.said)(mean)));
            }
        }
    }
    notes.extend(worse_than_base(judged));
    notes
}

/// Conditions that are worse than no training: clearly, or in their one training.
fn worse_than_base(judged: &Judged<'_>) -> Option<String> {
    let gains = |c: &usize| judged.verdict.conditions[*c].gain;
    let sign = judged.study.direction.sign();
    let worse = |c: &usize| gains(c).is_some_and(|g| g.call == Call::Worse);
    let seen = |c: &usize| gains(c).is_some_and(|g| g.change.n == 1 && g.change.mean * sign < 0.0);
    let scored = judged.scored();
    let clear: Vec<&str> = scored.iter().filter(|c| worse(c)).map(|c| judged.title(*c)).collect();
    if !clear.is_empty() && clear.len() <= 4 && !clear.contains(&"") {
        return Some(words::worse_than_base(&clear));
    }
    let all = |some: usize, how: &str| format!("{some} of {} conditions {how} than no training.", scored.len());
    if clear.len() > 4 {
        return Some(all(clear.len(), "are worse"));
    }
    let there: Vec<&str> = scored.iter().filter(|c| worse(c) || seen(c)).map(|c| judged.title(*c)).collect();
    let on = match judged.question {
        Question::Identity => "images of this one training are less like the subject than the base model's",
        Question::HeldOut | Question::Train => "the loss ended above the base model's in this one training",
    };
    match there.len() {
        0 => None,
        1..=4 => Some(words::side_effect(&there, on)),
        n => Some(all(n, "ended worse, in their one training,")),
    }
}
