//! What a study has not, or not in its means, in sentences.

use super::judged::Judged;
use super::words;
use crate::report::data::StudyData;
use crate::text;

/// The trainings that diverged.
pub(super) fn diverged(judged: &Judged<'_>) -> Vec<String> {
    let all = judged.conditions.iter().map(|c| (c.trainings.iter().filter(|t| t.diverged).count(), c));
    let those: Vec<_> = all.filter(|(n, _)| *n > 0).collect();
    if those.len() > 4 {
        let n: usize = those.iter().map(|(n, _)| n).sum();
        return vec![format!("{n} trainings of {} conditions diverged. They are in no mean.", those.len())];
    }
    those.into_iter().map(|(n, c)| words::diverged(&c.title, n, c.trainings.len())).collect()
}

/// The trainings that have no such number although they did not diverge.
pub(super) fn left_out(judged: &Judged<'_>) -> Option<String> {
    let all = judged.conditions.iter().flat_map(|c| &c.trainings);
    match all.filter(|t| t.score.is_none() && !t.diverged).count() {
        0 => None,
        1 => Some("One training is left out: it has no such number.".into()),
        n => Some(format!("{n} trainings are left out: they have no such number.")),
    }
}

/// The sentence when no score is a number.
pub(super) fn nothing_measured(data: &StudyData, judged: &Judged<'_>) -> String {
    let trainings: usize = judged.conditions.iter().map(|c| c.trainings.len()).sum();
    match unfinished(data) {
        _ if data.cells.is_empty() => "Nothing is measured yet.".to_owned(),
        None | Some(_) if trainings > 0 => {
            let rest = unfinished(data).map(|what| format!(" {what}.")).unwrap_or_default();
            format!("No denoising loss after training is a number ({}).{rest}", text::count(trainings, "training"))
        }
        Some(what) => format!("Nothing is measured yet: {}.", lower(&what)),
        None => "No denoising loss is measured.".to_owned(),
    }
}

/// How many cells failed and how many are not finished.
pub(super) fn unfinished(data: &StudyData) -> Option<String> {
    let (all, failed, waiting) = (data.cells.len(), data.failed_cells(), data.waiting_cells());
    let of = |n: usize| match (n, all) {
        (1, 1) => "The only cell".to_owned(),
        (n, all) if n == all => format!("All {all} cells"),
        _ => format!("{n} of {all} cells"),
    };
    let are = |n: usize| if n == 1 { "is" } else { "are" };
    match (failed, waiting) {
        (0, 0) => None,
        (n, 0) => Some(format!("{} failed", of(n))),
        (0, n) => Some(format!("{} {} not finished", of(n), are(n))),
        (f, w) => Some(format!("{} failed and {w} {} not finished", of(f), are(w))),
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
