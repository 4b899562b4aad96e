//! The study's answer in sentences.

use crate::measures::verdict::Method;
use crate::report::data::StudyData;
use crate::report::tables::name_test::{base_tests, said_identifier};
use crate::text;

use super::judged::Judged;
use super::lead::lead;
use super::order;
use super::question::{NotIdentity, Question};
use super::{blind, chance, gaps, known, likeness, next_step, sections, side_effects, within, words};

/// The study's answer so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// One plain sentence for the top of the page.
    pub(crate) lead: String,
    /// The same in full: one or a few sentences.
    pub(crate) headline: String,
    /// What must be known to read it rightly.
    pub(crate) notes: Vec<String>,
}

/// Says what the study found.
pub(crate) fn finding(judged: &Judged<'_>) -> Finding {
    let data = judged.data;
    let measured = !judged.scored().is_empty();
    let headline = if measured { headline(judged) } else { gaps::nothing_measured(data, judged) };
    let lead = lead(judged, measured, &headline);
    let mut notes = Vec::new();
    if measured {
        notes.extend(numbers(judged));
        notes.extend(chance(judged));
        notes.extend(order::axes(judged));
        notes.extend(side_effects::notes(judged));
        notes.extend(above_real(judged));
        notes.extend(known_word(judged));
        notes.extend(order::trend(judged));
        notes.extend(next_step::note(judged));
        notes.extend(gaps::left_out(judged));
        notes.push(reach(judged));
    }
    notes.extend(gaps::diverged(judged));
    notes.extend(shared(data, judged));
    notes.extend(likeness::notes(data));
    notes.extend(identity(judged));
    if measured {
        notes.extend(gaps::unfinished(data).map(|what| format!("{what}; the reasons are below.")));
    }
    notes.extend(data.notices.iter().cloned());
    Finding { lead, headline, notes }
}

fn headline(judged: &Judged<'_>) -> String {
    let one = judged.verdict.method == Method::OneTraining;
    let mut parts: Vec<String> = Vec::new();
    if judged.question == Question::Train {
        parts.push("No photo is held out, so nothing is known of photos the model never saw.".to_owned());
    }
    if !judged.comparable {
        parts.push(range(judged));
        return parts.join(" ");
    }
    if let Some(shares) = order::shares(judged) {
        let text = if one && judged.scored().len() > 1 { format!("In one training of each, {shares}") } else { shares };
        parts.push(order::sentence(&text));
    }
    parts.extend(order::order(judged).map(|text| order::sentence(&text)));
    parts.extend(order::enough(judged));
    if !judged.few() || judged.scored().len() == 1 {
        parts.push(range(judged));
    }
    parts.join(" ")
}

/// Where the scores lie: one mean, or the lowest and the highest of many.
fn range(judged: &Judged<'_>) -> String {
    let place = place(judged);
    let means = judged.scored().into_iter().filter_map(|c| Some((c, judged.verdict.conditions[c].score?)));
    let means: Vec<(usize, f64, usize)> = means.map(|(c, score)| (c, score.mean, score.n)).collect();
    let noun = judged.question.noun();
    let (Some(low), Some(high)) =
        (means.iter().min_by(|a, b| a.1.total_cmp(&b.1)), means.iter().max_by(|a, b| a.1.total_cmp(&b.1)))
    else {
        return String::new();
    };
    if means.len() == 1 {
        let (title, mean) = (judged.title(low.0), order::mean(judged, low.0).unwrap_or_default());
        let start = if title.is_empty() { "The".to_owned() } else { format!("With {title}, the") };
        return format!("{start} {noun} {place} is {mean}; without training it is {}.", base(judged));
    }
    let end = |(c, mean, n): &(usize, f64, usize)| {
        let several = if *n > 1 { format!(" (mean of {n} trainings)") } else { String::new() };
        format!("{} with {}{several}", text::measurement(*mean), judged.title(*c))
    };
    format!("The {noun} {place} lies between {} and {}; without training it is {}.", end(low), end(high), base(judged))
}

/// The base model's score, or the range of several.
fn base(judged: &Judged<'_>) -> String {
    let floors = judged.conditions.iter().flat_map(|c| &c.trainings).filter_map(|t| t.floor);
    let (low, high) = floors.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    match (low.is_finite(), text::measurement(low) == text::measurement(high)) {
        (false, _) => "not known".to_owned(),
        (true, true) => text::measurement(low),
        (true, false) => format!("{} to {}", text::measurement(low), text::measurement(high)),
    }
}

/// On what the scores are measured.
fn place(judged: &Judged<'_>) -> String {
    let cells = judged.conditions.iter().flat_map(|c| c.cells(judged.data));
    match judged.question {
        Question::Identity => format!("of the images to {}", sections::held_out_place(judged.data, cells)),
        Question::HeldOut => format!("on {}", sections::held_out_place(judged.data, cells)),
        Question::Train => "on photos the model trains on".to_owned(),
    }
}

/// The numbers behind the headline.
fn numbers(judged: &Judged<'_>) -> Option<String> {
    if !judged.few() || judged.scored().len() < 2 {
        return None;
    }
    let all: Vec<String> = judged.scored().into_iter().filter_map(|c| order::numbers(judged, c)).collect();
    let better = match judged.question {
        Question::Identity => "higher is better",
        Question::HeldOut | Question::Train => "lower is better",
    };
    let noun = order::sentence(judged.question.noun());
    let span = judged.study.span.map(|span| format!("; real photos reach {} more", text::measurement(span)));
    Some(format!(
        "{} {} ({better}): base model {}{}; {}.",
        noun.trim_end_matches('.'),
        place(judged),
        base(judged),
        span.unwrap_or_default(),
        all.join("; ")
    ))
}

/// What is known of chance.
fn chance(judged: &Judged<'_>) -> Vec<String> {
    let scored = judged.scored();
    if !judged.comparable {
        return vec![chance::not_comparable().to_owned()];
    }
    match judged.verdict.method {
        Method::OneTraining => {
            let mut notes = vec![chance::one_training(scored.len()).to_owned()];
            let worse = within::worse_than_best(judged);
            if let (Some(best), false, true) = (judged.verdict.best, worse.is_empty(), judged.few()) {
                let names: Vec<&str> = worse.iter().map(|c| judged.title(*c)).collect();
                notes.push(format!(
                    "In these trainings the loss with {} is lower than with {}, photo by photo, by more than the \
                     choice of photos explains.",
                    judged.title(best),
                    text::list(&names)
                ));
            }
            notes
        }
        Method::NoNoise => vec![chance::no_noise().to_owned()],
        Method::OneCondition if judged.verdict.conditions.iter().all(|c| c.n < 2) => {
            vec![chance::one_training(1).to_owned()]
        }
        Method::Pooled => order::noise(judged).into_iter().collect(),
        Method::Nothing | Method::OneCondition => Vec::new(),
    }
}

/// Whether the choice of photos was varied.
pub(super) fn reach_of_photos(judged: &Judged<'_>) -> Option<String> {
    let varied = judged.repeats.iter().flatten().any(|s| s.key == "dataset.seed");
    let several = judged.repeats.len() > 1;
    (several && !varied)
        .then(|| "The choice of photos was the same in all trainings; another choice was not tried.".to_owned())
}

/// Of what the verdict speaks.
fn reach(judged: &Judged<'_>) -> String {
    let photos = judged.repeats.iter().flatten().any(|s| s.key == "dataset.seed");
    let choice =
        if photos { "and new choices of photos" } else { "with this choice of photos; another choice was not tried" };
    format!(
        "This speaks of new trainings of this subject, on this base model, {choice}. It says nothing of other subjects."
    )
}

/// What the likeness adds to the verdict.
fn identity(judged: &Judged<'_>) -> Option<String> {
    match (judged.not_identity, judged.question) {
        (Some(NotIdentity::Blind), _) => {
            let name = blind::name(judged.data).map(|name| format!(" {name}")).unwrap_or_default();
            Some(format!(
                "The encoder{name} cannot tell photos of the subject from the base model's images, so likeness gives \
                 no verdict, and no number that rests on it is shown."
            ))
        }
        (Some(NotIdentity::NotAsked), _) => {
            Some("Likeness to the subject is measured and stands in the numbers; the question here is the loss.".into())
        }
        (None, Question::Identity) => knows_name(judged),
        _ => None,
    }
}

/// Conditions whose images are more like the photos than real photos are like each other.
fn above_real(judged: &Judged<'_>) -> Option<String> {
    if judged.question != Question::Identity {
        return None;
    }
    let span = judged.study.span.filter(|span| *span > 0.0)?;
    let above = |c: &usize| judged.verdict.conditions[*c].gain.is_some_and(|gain| gain.change.mean > span);
    let above: Vec<&str> = judged.scored().into_iter().filter(above).map(|c| judged.title(c)).collect();
    match above.len() {
        0 => None,
        _ if words::listable(&above) => Some(words::above_real(&above)),
        n => Some(words::above_real(&[&format!("{n} of {}", text::count(judged.scored().len(), "setting"))])),
    }
}

/// An identifier that is a word the base model knows.
fn known_word(judged: &Judged<'_>) -> Option<String> {
    base_tests(judged.data).iter().find_map(said_identifier)
}

/// Whether the base model knows the subject by its name, in the eyes of the encoder.
fn knows_name(judged: &Judged<'_>) -> Option<String> {
    let share = known::name_share(judged)?;
    (share >= crate::measures::verdict::share::KNOWN).then(|| {
        format!(
            "The base model knows the subject by its name already: its images of the name come {} to real photos.",
            words::way(share, share)
        )
    })
}

/// A sentence on cells that share a training.
fn shared(data: &StudyData, judged: &Judged<'_>) -> Option<String> {
    let trainings: usize = judged.conditions.iter().map(|c| c.trainings.len()).sum();
    let cells = data.cells.iter().filter(|c| c.trained).count();
    (judged.question != Question::Identity && trainings > 0 && cells > trainings).then(|| {
        let (cells, trainings) = (text::count(cells, "cell"), text::count(trainings, "training"));
        format!("{cells} share {trainings}: cells of one training differ in nothing that the training depends on.")
    })
}
