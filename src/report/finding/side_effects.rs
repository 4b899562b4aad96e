//! What else the trainings did, each held against its reference.

use crate::measures::verdict::Call;
use crate::measures::verdict::side_effects::{ByHeart, LEAK, Limit, SideEffect, VARIETY, by_heart};
use crate::report::data::CellData;
use crate::report::tables::closeness::close_images;

use super::blind;
use super::judged::Judged;
use super::question::Question;
use super::{within, words};

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
/// The name of the side effect that images copy photos.
const COPYING: &str = "copying";
const OVERWRITTEN: &str = "leak";

/// The name of the side effect that is seen sooner the more trainings there are.
const FORGOTTEN: &str = "prompt_forgotten";

/// A side effect that is read from measures by their names.
pub(super) struct Kind {
    /// Its name in `verdict.json`.
    pub(super) name: &'static str,
    /// The number of one training.
    pub(super) of: fn(&CellData) -> Option<f64>,
    /// What it is held against.
    pub(super) limit: Limit,
    /// Whether one training shows it, given that its images and photos are few; `None` where its number decides.
    pub(super) in_one: fn(&CellData) -> Option<bool>,
    /// What it is called, given the lowest and the highest mean of the conditions that have it.
    said: fn(f64, f64) -> String,
}

/// All of them.
pub(super) const KINDS: [Kind; 8] = [
    Kind {
        name: OVERWRITTEN,
        of: leak,
        limit: Limit::Above(LEAK),
        in_one: |cell| Some(cell.value("leak_low").is_some_and(|low| low > LEAK)),
        said: |low, high| {
            format!(
                "the class was overwritten: images of other members of the class gained {}\u{a0}% of the likeness that \
                 the subject's own images gained",
                percent(low, high)
            )
        },
    },
    Kind {
        name: COPYING,
        of: |cell| Some(cell.value("copying_gap")? - cell.value("held_out_copying_gap")?),
        limit: Limit::Above(COPY),
        in_one: |_| None,
        said: |low, high| {
            format!(
                "images copy their photos: they are nearer to a training photo than new photos of the subject are (by \
                 a cosine of {})",
                words::span(low, high, 2)
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
        in_one: |_| None,
        said: |low, high| {
            format!(
                "{}\u{a0}% of the images are, pixel by pixel, closer to a training photo than new photos are",
                percent(low, high)
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
        in_one: |_| None,
        said: |low, high| {
            format!("{}\u{a0}% of what the base model follows of its prompts was lost", percent(-high, -low))
        },
    },
    Kind {
        name: LOSS_ROSE,
        of: |cell| {
            let base = cell.value("baseline_probe_held_out").filter(|base| *base > 0.0)?;
            Some((cell.value("probe_held_out")? - base) / base)
        },
        limit: Limit::Above(0.0),
        in_one: within::rose,
        said: |low, high| {
            let percent = words::span(low * 100.0, high * 100.0, 1);
            format!("the loss on unseen photos ended {percent}\u{a0}% above the base model's")
        },
    },
    Kind {
        name: FORGOTTEN,
        of: |cell| cell.value("prompt_following_change"),
        limit: Limit::Below(0.0),
        in_one: |_| Some(false),
        said: |low, high| {
            format!(
                "images follow their prompts less than the base model's do (by a cosine of {})",
                words::span(-high, -low, 3)
            )
        },
    },
    Kind {
        name: "variety_lost",
        of: variety,
        limit: Limit::Below(VARIETY),
        in_one: |_| None,
        said: |low, high| {
            format!("images of one prompt are much alike: {}\u{a0}% of the variety is left", percent(low, high))
        },
    },
    Kind {
        name: "collapsed",
        of: |cell| cell.value("collapsed"),
        limit: Limit::Above(COLLAPSED),
        in_one: |_| None,
        said: |low, high| {
            format!("{}\u{a0}% of the images have collapsed into noise or one colour", percent(low, high))
        },
    },
];

/// Shares in percent: `12` or `12 to 30`.
fn percent(low: f64, high: f64) -> String {
    words::span(low * 100.0, high * 100.0, 0)
}

/// Whether a side effect is seen through an encoder that is blind: then it says nothing.
fn is_blind(judged: &Judged<'_>, kind: &Kind) -> bool {
    let measure = match kind.name {
        "prompt_lost" | FORGOTTEN => "prompt_following",
        "variety_lost" => "feature_variety",
        "copying" => "copying_gap",
        name => name,
    };
    blind::says_nothing(judged.data, measure)
}

/// The leak of a cell; `None` also where its images gained too little for a share of that to mean something.
pub(crate) fn leak(cell: &CellData) -> Option<f64> {
    let [score, floor, ceiling] = ["identity", "identity_floor", "identity_ceiling"].map(|name| cell.value(name));
    let gained = score.zip(floor).map(|(score, floor)| score - floor);
    let span = ceiling.zip(floor).map(|(ceiling, floor)| ceiling - floor);
    let too_little = gained.zip(span).is_some_and(|(gained, span)| gained < GAINED * span);
    cell.value("leak").filter(|_| !too_little)
}

/// The variety of a cell's images; `None` also where they vary as much as real photos of the subject do. The sharper an
/// encoder sees who it is, the more alike it finds all images of one subject.
fn variety(cell: &CellData) -> Option<f64> {
    let photos = cell.value("feature_variety_photos");
    cell.value("feature_variety").filter(|images| photos.is_none_or(|photos| *images < photos))
}

/// A side effect of a condition; `None` where it is not measured, or where the encoder that measures it is blind.
pub(super) fn side_effect(judged: &Judged<'_>, condition: usize, kind: &Kind) -> Option<SideEffect> {
    if is_blind(judged, kind) {
        return None;
    }
    let cells = || judged.conditions[condition].cells(judged.data).filter(|cell| (kind.of)(cell).is_some());
    let mut effect = SideEffect::of(cells().filter_map(kind.of), kind.limit)?;
    if effect.there && effect.estimate.n == 1 {
        effect.there = cells().next().and_then(kind.in_one).unwrap_or(true);
    }
    Some(effect)
}

/// How much nearer images of a condition are to their photos than new photos are, in the eyes of the encoder; `None`
/// where that is not measured.
pub(crate) fn copied(judged: &Judged<'_>, condition: usize) -> Option<SideEffect> {
    named(judged, condition, COPYING)
}

/// Whether images of the class turn into the subject; `None` where that is not measured.
pub(crate) fn leaks(judged: &Judged<'_>, condition: usize) -> Option<bool> {
    named(judged, condition, OVERWRITTEN).map(|effect| effect.there)
}

fn named(judged: &Judged<'_>, condition: usize, name: &str) -> Option<SideEffect> {
    let kind = KINDS.iter().find(|kind| kind.name == name)?;
    side_effect(judged, condition, kind)
}

/// Whether the photos of a condition were learnt by heart; `None` where no photo is held out.
pub(super) fn heart(judged: &Judged<'_>, condition: usize) -> Option<ByHeart> {
    let change = |cell: &CellData, split: &str| {
        let base = cell.value(&format!("baseline_probe_{split}")).filter(|base| *base > 0.0)?;
        Some((cell.value(&format!("probe_{split}"))? - base) / base)
    };
    let changes = |cell| Some((change(cell, "train")?, change(cell, "held_out")?));
    let measured: Vec<_> =
        judged.conditions[condition].cells(judged.data).filter_map(|cell| Some((cell, changes(cell)?))).collect();
    let mut heart = by_heart(&measured.iter().map(|(_, changes)| *changes).collect::<Vec<_>>())?;
    if let ([(cell, _)], true) = (measured.as_slice(), heart.there) {
        heart.there = within::fell_apart(cell).unwrap_or(true);
    }
    Some(heart)
}

/// The side effects of a condition that speak against taking it, by name.
pub(super) fn grave(judged: &Judged<'_>, condition: usize) -> Vec<&'static str> {
    let there = |kind: &&Kind| side_effect(judged, condition, kind).is_some_and(|effect| effect.there);
    let kinds = KINDS.iter().filter(|kind| ![LOSS_ROSE, FORGOTTEN].contains(&kind.name)).filter(there);
    let by_heart = heart(judged, condition).filter(|heart| heart.there).map(|_| "learnt_by_heart");
    kinds.map(|kind| kind.name).chain(by_heart).collect()
}

/// A sentence for each side effect of one condition.
pub(super) fn of_condition(judged: &Judged<'_>, condition: usize) -> Vec<String> {
    let asked = KINDS.iter().filter(|kind| kind.name != LOSS_ROSE || judged.question == Question::Identity);
    let there = asked.filter_map(|kind| Some((kind, side_effect(judged, condition, kind).filter(|e| e.there)?)));
    let mut said: Vec<String> = there
        .map(|(kind, effect)| {
            let what = (kind.said)(effect.estimate.mean, effect.estimate.mean);
            format!("Mind: {what}.")
        })
        .collect();
    if heart(judged, condition).is_some_and(|heart| heart.there) {
        said.push("Mind: it learnt its photos by heart.".to_owned());
    }
    said
}

/// A sentence for each side effect that is there.
pub(super) fn notes(judged: &Judged<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let scored = judged.scored();
    let hearts: Vec<(usize, ByHeart)> =
        scored.iter().filter_map(|c| Some((*c, heart(judged, *c).filter(|h| h.there)?))).collect();
    let names: Vec<&str> = hearts.iter().map(|(c, _)| judged.title(*c)).collect();
    if hearts.len() <= 3 && words::listable(&names) {
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
        if there.is_empty() {
            continue;
        }
        let means = || there.iter().map(|(_, effect)| effect.estimate.mean);
        let what = (kind.said)(means().fold(f64::INFINITY, f64::min), means().fold(f64::NEG_INFINITY, f64::max));
        let names: Vec<&str> = there.iter().map(|(c, _)| judged.title(*c)).collect();
        notes.push(if words::listable(&names) {
            words::side_effect(&names, &what)
        } else {
            format!("In {} of {} conditions {what}.", names.len(), scored.len())
        });
    }
    notes.extend(worse_than_base(judged));
    notes
}

/// Conditions that are worse than no training: clearly, or in their one training.
fn worse_than_base(judged: &Judged<'_>) -> Option<String> {
    let gains = |c: &usize| judged.verdict.conditions[*c].gain;
    let sign = judged.study.direction.sign();
    let worse = |c: &usize| gains(c).is_some_and(|g| g.call == Call::Worse);
    let by_chance = |c: &usize| {
        let rose = judged.conditions[*c].cells(judged.data).next().and_then(within::rose);
        judged.question == Question::HeldOut && rose == Some(false)
    };
    let seen = |c: &usize| gains(c).is_some_and(|g| g.change.n == 1 && g.change.mean * sign < 0.0) && !by_chance(c);
    let scored = judged.scored();
    let clear: Vec<&str> = scored.iter().filter(|c| worse(c)).map(|c| judged.title(*c)).collect();
    if !clear.is_empty() && words::listable(&clear) && !clear.contains(&"") {
        return Some(words::worse_than_base(&clear));
    }
    let all = |some: usize, how: &str| format!("{some} of {} conditions {how} than no training.", scored.len());
    if clear.len() > 1 {
        return Some(all(clear.len(), "are worse"));
    }
    let there: Vec<&str> = scored.iter().filter(|c| worse(c) || seen(c)).map(|c| judged.title(*c)).collect();
    let on = match judged.question {
        Question::Identity => "images of this one training are less like the subject than the base model's",
        Question::HeldOut | Question::Train => "the loss ended above the base model's in this one training",
    };
    match there.len() {
        0 => None,
        _ if words::listable(&there) => Some(words::side_effect(&there, on)),
        n => Some(all(n, "ended worse, in their one training,")),
    }
}
