//! What did each condition buy?

use crate::measures::verdict::Method;
use crate::text;

use super::answer::{Answer, Number, change, interval, whole};
use super::judged::Judged;
use super::question::Question;
use super::{chance, order};

/// What the trainings bought, and how far the best one came.
pub(super) fn bought(judged: &Judged<'_>) -> Answer {
    let question = match (judged.verdict.sizes.is_some(), judged.conditions.len()) {
        (true, _) if judged.few() => "What did each size buy?",
        (_, 0 | 1) => "What did the training buy?",
        _ => "What did each setting buy?",
    };
    let mut answer = Answer { question, ..Answer::default() };
    let scored = judged.scored();
    let Some(best) = judged.verdict.best.filter(|_| !scored.is_empty()) else {
        answer.sentence = "Nothing is measured yet.".to_owned();
        return answer;
    };
    if !judged.comparable {
        answer.sentence = chance::not_comparable().to_owned();
        return answer;
    }
    answer.number = number(judged, best);
    let one = judged.verdict.method == Method::OneTraining && scored.len() > 1;
    answer.sentence = match order::shares(judged) {
        Some(shares) if one => order::sentence(&format!("in one training of each, {shares}")),
        Some(shares) => order::sentence(&shares),
        None => of_many(judged, best),
    };
    answer.more.extend(order::order(judged).map(|text| order::sentence(&text)));
    answer.more.extend(order::enough(judged));
    if !judged.few() {
        answer.more.extend(order::axes(judged).into_iter().take(3));
    }
    answer
}

/// The best of many, and the worst.
fn of_many(judged: &Judged<'_>, best: usize) -> String {
    let scored = judged.scored();
    let gain = |c: &usize| judged.verdict.conditions[*c].gain.map(|g| g.change.mean * judged.study.direction.sign());
    let Some(of_best) = number(judged, best) else { return String::new() };
    let title = judged.title(best);
    if scored.len() == 1 {
        let with = if title.is_empty() { "The training".to_owned() } else { format!("Training with {title}") };
        return match judged.question {
            Question::Identity => {
                format!("{with} brought the images {} {}.", of_best.value, "of the way to real photos")
            }
            _ if gain(&best).is_some_and(|gain| gain > 0.0) => {
                let by = of_best.value.trim_start_matches('−');
                format!("{with} lowered the error by {by} {}.", place(judged.question))
            }
            _ => format!("{with} did not lower the error {}.", place(judged.question)),
        };
    }
    let worst =
        scored.iter().copied().min_by(|a, b| gain(a).unwrap_or(f64::NAN).total_cmp(&gain(b).unwrap_or(f64::NAN)));
    let worst = worst.and_then(|c| number(judged, c)).map(|n| format!("; the worst, {}", n.value)).unwrap_or_default();
    // Which one it is stands beside the number.
    let settings = text::count(scored.len(), "setting");
    match judged.question {
        Question::Identity => {
            format!("The best of {settings} brought the images {} of the way to real photos{worst}.", of_best.value)
        }
        _ => format!("The best of {settings} changed the error by {}{worst}.", of_best.value),
    }
}

/// How far a condition came, with the interval over its trainings.
pub(super) fn number(judged: &Judged<'_>, condition: usize) -> Option<Number> {
    let verdict = &judged.verdict.conditions[condition];
    let gain = verdict.gain?.change;
    let n = if gain.n == 1 { "one training".to_owned() } else { format!("mean of {} trainings", gain.n) };
    let who = match judged.title(condition) {
        "" => n,
        title => format!("{title}, {n}"),
    };
    let mut number = match (judged.question, judged.study.span.filter(|span| *span > 0.0)) {
        (Question::Identity, Some(span)) => Number {
            value: of_the_way(gain.mean / span),
            of: format!("of the way from the base model's images to real photos ({who})"),
            interval: interval(gain.low.map(|low| low / span), gain.high.map(|high| high / span)),
        },
        (Question::Identity, None) => Number {
            value: text::measurement(gain.mean),
            of: format!("more likeness than the base model's images ({who})"),
            interval: String::new(),
        },
        (question, _) => {
            let base = verdict.score?.mean - gain.mean;
            let of = format!("error {} against no training ({who})", place(question));
            change(gain.mean / base, gain.low.map(|low| low / base), gain.high.map(|high| high / base), of)
        }
    };
    if number.interval.is_empty() {
        number.interval = "one training: how much chance moves it is not known".to_owned();
    }
    Some(number)
}

/// A share of the way to real photos; nobody can be nearer than they are to each other.
fn of_the_way(share: f64) -> String {
    if share >= 1.005 { "100\u{a0}% and more".to_owned() } else { whole(share) }
}

/// Where the error is measured.
fn place(question: Question) -> &'static str {
    match question {
        Question::Train => "on the photos it trained on",
        Question::HeldOut | Question::Identity => "on photos it never saw",
    }
}
