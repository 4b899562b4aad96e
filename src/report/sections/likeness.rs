//! The question's score, drawn: by condition, against prompt following, against what was trained; and where in the
//! noise the adapters help.

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
        p {
            @match page.judged.question {
                Question::Identity => {
                    "A dot is one training. What the adapter can buy lies between the base model, which is not trained "
                    "on the subject, and real photos of the subject among each other."
                }
                Question::HeldOut | Question::Train => {
                    "A dot is one training. A lower loss means that the model removes noise from such photos "
                    "better."
                }
            }
        }
        (score.svg())
        @if let Some(figure) = charts::likeness_and_prompt(page.judged) {
            (figure.svg())
            p.soft {
                "Likeness of the base model is measured with the class word in place of the identifier, which it does "
                "not know. Real photos have no prompt, so only their likeness is drawn."
            }
        }
        @if let Some(figure) = charts::score_by_images(page.judged) {
            (figure.svg())
            p.soft { "Images are counted as often as they are seen in a training: steps × batch size." }
        }
        @if let Some(figure) = charts::profile(page.judged) {
            (figure.svg())
            p.soft {
                "Left is little noise, where details are made; right is much noise, where it is decided what the "
                "picture shows at all. Each line is the mean of its trainings."
            }
        }
    };
    Some(Section { id: "likeness", title, html, markdown: String::new() })
}
