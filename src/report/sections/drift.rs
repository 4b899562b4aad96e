//! The images of prompts that have nothing to do with the subject, and how far they changed.

use maud::{Markup, html};

use super::section::{Page, Section};
use crate::measures::verdict::{Direction, Estimate};
use crate::report::data::{CellData, Group};
use crate::report::finding::{Judged, leaks};
use crate::report::grid::{self, Compare};
use crate::report::naming::axis;
use crate::report::style::dots::{DotPlot, DotRow};
use crate::text;

/// The change on other prompts as a share of the change on the subject's: the name of the measure, and what the prompts
/// are.
const SHARES: [(&str, &str); 2] =
    [("class_change_share", "prompts with the class word"), ("other_change_share", "prompts of other things")];
/// What a share is.
const NOTE: &str = "The change is the root mean squared difference of the pixels to the base model's image on the same \
                    noise. At 1 the LoRA changes these images as much as those of the subject.";

/// The comparison grid; `None` without such prompts.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let compare = Compare::new(page.data, Group::Drift, "drift", "Images of other prompts");
    if compare.layout.prompts.is_empty() {
        return None;
    }
    let said: Vec<String> = SHARES.iter().filter_map(|(name, prompts)| said(page.judged, name, prompts)).collect();
    let html = html! {
        h2 { "Drift: what should not have changed" }
        p { "Prompts without the subject. The closer a column is to the baseline, the less the model forgot." }
        @for sentence in &said { p.reference { (sentence) } }
        @for (name, prompts) in SHARES { (plot(page.judged, name, prompts)) }
        @if !said.is_empty() { p.soft { (NOTE) } }
        (grid::markup(&compare))
    };
    let markdown = if said.is_empty() { String::new() } else { format!("## Drift\n\n{}\n\n{NOTE}", said.join("\n\n")) };
    Some(Section { id: "drift", title: "Drift", html, markdown })
}

/// The share of each training of a condition.
fn shares<'d>(judged: &'d Judged<'d>, condition: usize, name: &'d str) -> impl Iterator<Item = (&'d CellData, f64)> {
    judged.conditions[condition].cells(judged.data).filter_map(move |cell| Some((cell, cell.value(name)?)))
}

fn estimate(judged: &Judged<'_>, condition: usize, name: &str) -> Option<Estimate> {
    Estimate::of(shares(judged, condition, name).map(|(_, share)| share))
}

/// The sentence on one kind of prompts; `None` where their change is not measured.
fn said(judged: &Judged<'_>, name: &str, prompts: &str) -> Option<String> {
    let all: Vec<(usize, Estimate)> =
        (0..judged.conditions.len()).filter_map(|c| Some((c, estimate(judged, c, name)?))).collect();
    let percent = |share: f64| format!("{:.0}\u{a0}%", share * 100.0);
    let low = all.iter().map(|(_, e)| e.mean).min_by(f64::total_cmp)?;
    let high = all.iter().map(|(_, e)| e.mean).max_by(f64::total_cmp)?;
    let range =
        if percent(low) == percent(high) { percent(low) } else { format!("{} to {}", percent(low), percent(high)) };
    let start = format!("Images of {prompts} changed by {range} of the change of the subject's images");
    let large: Vec<usize> =
        all.iter().filter(|(_, e)| e.low.unwrap_or(e.mean) >= 1.0).map(|(condition, _)| *condition).collect();
    if large.is_empty() {
        // Where the interval reaches the effect, it is not clearly smaller.
        let as_large = all.iter().any(|(_, e)| e.high.is_some_and(|high| high >= 1.0));
        let end = if as_large { "; with these trainings it may be as large as the effect" } else { "" };
        return Some(format!("{start}{end}."));
    }
    let names: Vec<&str> = large.iter().map(|c| judged.title(*c)).filter(|name| !name.is_empty()).collect();
    let which = match names.len() {
        0 => String::new(),
        // Names with commas do not make a list that one can read.
        1..=4 if names.len() == 1 || names.iter().all(|name| !name.contains(',')) => {
            format!(" with {}", text::list(&names))
        }
        n => format!(" in {n} of {} conditions", all.len()),
    };
    Some(format!("{start}. That is as large as the effect{which}: {}.", meaning(judged, &large)))
}

/// What so large a change means, given how much of the subject an encoder sees in the images.
fn meaning(judged: &Judged<'_>, conditions: &[usize]) -> &'static str {
    let leaks: Vec<bool> = conditions.iter().filter_map(|c| leaks(judged, *c)).collect();
    if leaks.contains(&true) {
        "the class is overwritten"
    } else if leaks.is_empty() {
        "the class is overwritten, as far as pixels can tell"
    } else {
        "the images are other ones now, but they do not show the subject"
    }
}

fn plot(judged: &Judged<'_>, name: &str, prompts: &str) -> Markup {
    let row = |c: usize| {
        let estimate = estimate(judged, c, name)?;
        let training = |cell: &CellData| {
            let seeds = cell.assignments.iter().filter(|s| axis::is_repeat(&s.key));
            let seeds = axis::say_all(seeds);
            if seeds.is_empty() { "the one training".to_owned() } else { seeds }
        };
        Some(DotRow {
            label: match judged.title(c) {
                "" => "with LoRA".to_owned(),
                title => title.to_owned(),
            },
            href: None,
            dots: shares(judged, c, name).map(|(cell, share)| (share, training(cell))).collect(),
            mean: Some(estimate.mean),
            interval: estimate.low.zip(estimate.high),
        })
    };
    let rows: Vec<DotRow> = (0..judged.conditions.len()).filter_map(row).collect();
    if rows.is_empty() {
        return Markup::default();
    }
    let title = format!("Change on {prompts}, as a share of the change on the subject's prompts");
    let ceiling = Some((1.0, "as large as the effect".to_owned()));
    DotPlot { title, direction: Direction::Lower, rows, floor: Some((0.0, "no change".to_owned())), ceiling }.svg()
}
