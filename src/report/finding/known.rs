//! Did the base model know the subject?

use crate::measures::verdict::share::{KNOWN, share};
use crate::report::data::Group;
use crate::report::tables::name_test::{BaseTest, base_tests, said, said_identifier};
use crate::text;

use super::answer::{Answer, Number, change, interval, whole};
use super::blind::is_blind;
use super::judged::Judged;
use super::words;

/// From this share of the way on, the base model knows something of the subject by its name.
const PARTLY: f64 = 0.4;
/// Below this share its images of the name are as far from the subject as any others.
const HARDLY: f64 = 0.1;

/// What the base model made of the name.
pub(super) fn known(judged: &Judged<'_>) -> Answer {
    let data = judged.data;
    let tests = base_tests(data);
    let mut answer = Answer { question: "Did it know the subject?", ..Answer::default() };
    let name = data.cells.first().map_or("", |cell| cell.words[2].as_str());
    let by_name = name_share(judged);
    let test = tests.first();
    match (by_name, test) {
        (Some(share), _) => {
            answer.sentence = by_images(share, name, test.is_some_and(knows), images(judged));
            answer.number = Some(of_images(judged, share));
            answer.more.extend(test.map(said));
        }
        (None, Some(test)) if test.name.is_some() => {
            answer.sentence = by_loss(test);
            answer.number = test.name.as_ref().map(|paired| {
                let (d, before) = (paired.difference, paired.before);
                let of =
                    "error on real photos with the name in the prompt, against the class word (less would be knowing)";
                change(d.mean / before, d.low.map(|low| low / before), d.high.map(|high| high / before), of.to_owned())
            });
        }
        (None, _) if test.is_some() || (name.is_empty() && !data.cells.is_empty()) => {
            answer.sentence = "Nobody asked: the experiment gives the subject no name.".to_owned();
            answer.more.push(
                "With `subject.name` in the experiment file, the base model is asked for the subject by its name."
                    .to_owned(),
            );
        }
        (None, _) if images(judged) > 0 => {
            answer.sentence = "Look at its images of the name: no number is measured of them.".to_owned();
        }
        (None, _) => answer.sentence = "Not measured yet.".to_owned(),
    }
    answer.more.extend(tests.iter().find_map(said_identifier));
    answer
}

/// Where the base model's images of the name stand between its images of the class and real photos, in the eyes of an
/// encoder that sees the subject.
pub(super) fn name_share(judged: &Judged<'_>) -> Option<f64> {
    if is_blind(judged.data) { None } else { share_of(judged, "identity_name_floor") }
}

/// Where a likeness stands between the floor and the ceiling of the first cell that has it.
fn share_of(judged: &Judged<'_>, measure: &str) -> Option<f64> {
    judged.data.cells.iter().find_map(|cell| {
        let [score, floor, ceiling] = [measure, "identity_floor", "identity_ceiling"].map(|name| cell.value(name));
        share(score?, floor?, ceiling?)
    })
}

/// Whether photos fit the name clearly better than the class word.
fn knows(test: &BaseTest<'_>) -> bool {
    test.name.as_ref().is_some_and(|name| name.difference.below(0.0) == Some(true))
}

fn by_images(share: f64, name: &str, fits: bool, images: usize) -> String {
    let asked = if name.is_empty() { "Asked by name".to_owned() } else { format!("Asked for “{name}”") };
    let start = match share {
        s if s >= KNOWN && images == 1 => "It seems so, by one image.",
        s if s >= KNOWN => "Yes.",
        s if s >= PARTLY => "Partly.",
        _ if fits => "A little.",
        s if s >= HARDLY => "Hardly.",
        _ => return format!("No. {asked}, the base model draws nothing that is more like the subject than any other."),
    };
    format!("{start} {asked}, the base model's images come {} to real photos.", words::way(share, share))
}

fn of_images(judged: &Judged<'_>, share: f64) -> Number {
    let (images, photos) = (images(judged), judged.data.cells.iter().filter_map(|c| c.likeness.as_ref()).next());
    let seen = photos.map(|likeness| format!(" against {}", text::count(likeness.held_out, "photo")));
    let rests = if images > 0 { text::count(images, "image") + &seen.unwrap_or_default() } else { String::new() };
    let [low, high] = ["identity_name_low", "identity_name_high"].map(|name| share_of(judged, name));
    let sure = interval(low, high);
    Number {
        value: whole(share),
        of: "of the way from its images of the class (0\u{a0}%) to real photos (100\u{a0}%)".to_owned(),
        interval: if sure.is_empty() { rests } else { format!("{sure}, {rests}") },
    }
}

/// How many images of the name there are.
fn images(judged: &Judged<'_>) -> usize {
    let of = |set: &crate::report::data::ImageSet| set.images.iter().filter(|p| p.group == Group::Baseline).count();
    judged.data.baselines.iter().map(of).max().unwrap_or(0)
}

fn by_loss(test: &BaseTest<'_>) -> String {
    let Some(name) = &test.name else { return String::new() };
    let [_, class, word] = &test.cell.words;
    match (name.difference.below(0.0), name.difference.above(0.0)) {
        (Some(true), _) => {
            format!("Something: real photos fit “{word}” better than “{class}”, in the model's own eyes.")
        }
        (_, Some(true)) => format!("No. To the base model “{word}” means something else than the subject."),
        (None, _) => "Too few photos to say.".to_owned(),
        _ => format!("No sign of it: real photos do not clearly fit “{word}” better than “{class}”."),
    }
}
