//! The question's score, drawn: by condition.

use maud::html;

use super::section::{Page, Section};
use crate::report::charts;
use crate::report::finding::Question;

/// What the study has of it; `None` if no training has a score.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let score = charts::score(page.judged)?;
    let (title, head) = match page.judged.question {
        Question::Identity => ("Likeness", "How like the subject are the images?"),
        Question::HeldOut => ("Score", "How well does it remove noise from photos it never saw?"),
        Question::Train => ("Score", "How well does it remove noise from its photos?"),
    };
    let html = html! {
        h2 { (head) }
        @if !page.judged.comparable {
            p.soft { "The trainings are not measured on the same photos, so their numbers cannot be compared." }
        }
        (score.svg())
    };
    Some(Section { id: "likeness", title, html, markdown: String::new() })
}
