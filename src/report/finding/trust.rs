//! Can I trust it?

use std::collections::BTreeSet;

use crate::choice::Purpose;
use crate::measures::verdict::Method;
use crate::report::data::ProblemKind;
use crate::text;

use super::answer::{Answer, Number, whole};
use super::judged::Judged;
use super::question::Question;
use super::{blind, likeness, said};

/// At most so many sentences of the plan stand in the answer.
const MOST: usize = 3;

/// What the answers rest on.
pub(super) fn trust(judged: &Judged<'_>) -> Answer {
    let data = judged.data;
    let scored = judged.scored();
    let fewest = scored.iter().map(|c| judged.verdict.conditions[*c].n).min().unwrap_or(0);
    let photos = held_out(judged);
    let unseen = text::count(photos, "photo") + " it never saw";
    let sentence = match fewest {
        0 => "Not yet: nothing is measured.".to_owned(),
        _ if judged.question == Question::Train => {
            "Only a little: no photo was held out, so nobody knows what it does beyond the photos it trained on."
                .to_owned()
        }
        _ if !judged.comparable => {
            "Not for comparing: not all were measured on the same photos in the same way.".to_owned()
        }
        _ if judged.verdict.method == Method::NoNoise => {
            "Not for choosing: trainings with other seeds came out equal, so nothing is known of chance.".to_owned()
        }
        1 if scored.len() > 1 => {
            "Not for choosing yet: there is one training of each, and another one may turn the order.".to_owned()
        }
        1 => "Not much yet: this is one training, and another one may come out different.".to_owned(),
        2 => format!("For large differences only: there are 2 trainings of each, measured on {unseen}."),
        n => format!("Yes, for this subject and this model: {n} trainings of each, measured on {unseen}."),
    };
    let trainings = trainings(judged);
    let number = (trainings > 0).then(|| Number {
        value: trainings.to_string(),
        of: of_trainings(judged, trainings, fewest, photos),
        interval: moves(judged),
    });
    let mut more = Vec::new();
    more.extend(measured_by(judged));
    more.extend(counts(judged));
    more.extend(likeness::notes(data));
    more.extend(said::reach_of_photos(judged));
    let notices: Vec<String> = data.notices.iter().map(|notice| text::shortened(notice, 240)).collect();
    let rest = notices.len().saturating_sub(MOST);
    more.extend(notices.into_iter().take(MOST));
    if rest > 0 {
        more.push(format!("{} more stand in the numbers behind it.", text::count(rest, "warning")));
    }
    Answer { question: "Can I trust it?", sentence, number, more }
}

/// How many trainings have a score. Cells that share one training count once.
fn trainings(judged: &Judged<'_>) -> usize {
    let scored = judged.conditions.iter().flat_map(|c| &c.trainings).filter(|t| t.score.is_some());
    let jobs: BTreeSet<&str> = scored.filter_map(|t| judged.data.cells.get(t.cell)).map(|c| &*c.train_job).collect();
    jobs.len()
}

/// What the number of trainings is made of: `trainings, 3 of each of 3 sizes, with 5 held-out photos`.
fn of_trainings(judged: &Judged<'_>, trainings: usize, fewest: usize, photos: usize) -> String {
    let scored = judged.scored().len();
    let noun = if trainings == 1 { "training" } else { "trainings" };
    let kind = if judged.verdict.sizes.is_some() && judged.axes.len() == 1 { "size" } else { "setting" };
    let made = match fewest * scored == trainings && fewest > 1 && scored > 1 {
        true => format!(", {fewest} of each of {}", text::count(scored, kind)),
        false if scored > 1 => format!(" of {}", text::count(scored, kind)),
        false => String::new(),
    };
    let held_out = if photos == 0 { "nothing".to_owned() } else { text::count(photos, "photo") };
    format!("{noun}{made}, {held_out} held out")
}

/// How far chance moves a training.
fn moves(judged: &Judged<'_>) -> String {
    let Some(noise) = judged.verdict.noise.filter(|noise| judged.comparable && noise.sd > 0.0) else {
        return String::new();
    };
    let share =
        judged.study.span.filter(|span| *span > 0.0).map(|span| format!(" (±{} of the way)", whole(noise.sd / span)));
    format!(
        "repeating one moves the {} by ±{}{}",
        judged.question.noun(),
        text::measurement(noise.sd),
        share.unwrap_or_default()
    )
}

/// The photos that the answer rests on.
fn held_out(judged: &Judged<'_>) -> usize {
    judged.data.cells.iter().map(|cell| cell.held_out_photos.len()).min().unwrap_or(0)
}

/// By which measure it is judged.
fn measured_by(judged: &Judged<'_>) -> Option<String> {
    let data = judged.data;
    let encoder = data.encoders.iter().find(|encoder| encoder.purposes.contains(&Purpose::Identity));
    match (judged.question, encoder) {
        _ if judged.scored().is_empty() => None,
        (Question::Identity, Some(encoder)) => {
            Some(format!("Likeness is judged by a program, the image encoder {}, not by people.", encoder.name))
        }
        _ => blind::name(data).map(|name| {
            format!(
                "The image encoder {name} is blind to this subject: real photos score no higher than the base model's \
                 images. So nothing it says of likeness, leaking or copying counts, and the loss is judged."
            )
        }),
    }
}

/// What failed, diverged or is missing.
fn counts(judged: &Judged<'_>) -> Vec<String> {
    let cells = &judged.data.cells;
    let of = |kind: ProblemKind| {
        cells.iter().filter(|cell| cell.problems.first().is_some_and(|problem| problem.kind() == kind)).count()
    };
    let all = cells.len();
    let say = |n: usize, what: &str| (n > 0).then(|| format!("{n} of {} {what}.", text::count(all, "cell")));
    let diverged = judged.conditions.iter().flat_map(|c| &c.trainings).filter(|t| t.diverged).count();
    [
        say(diverged, "diverged (their learning rate is too high) and count in no mean"),
        say(of(ProblemKind::Failed), "failed"),
        say(of(ProblemKind::Waiting), "are not finished"),
        say(of(ProblemKind::Raced), "were stopped by the race and count in no mean"),
    ]
    .into_iter()
    .flatten()
    .collect()
}
