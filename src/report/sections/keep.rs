//! Which checkpoint, or which scale of the adapter, to keep: chosen on one half of the held-out photos, reported on the
//! other.

use maud::html;

use super::section::{Page, Section};
use crate::measures::verdict::Direction;
use crate::measures::verdict::choose::{Choice, FEWEST, choose};
use crate::report::data::{CellData, StudyData};
use crate::report::finding::Judged;
use crate::report::naming::axis;
use crate::report::style::markdown;
use crate::report::tables::name_test::held_out_losses;
use crate::text::{count, measurement};

/// The settings that are chosen without training again.
const CHECKPOINT: &str = "generate.checkpoint";
const SCALE: &str = "generate.lora_scale";

/// Adapters of one training, of which one can be kept.
struct Group<'d> {
    /// What distinguishes the training from others.
    title: String,
    /// The adapters with the losses of the held-out photos.
    candidates: Vec<Candidate<'d>>,
    /// Mean loss of the base model on the same photos.
    base: Option<f64>,
    /// How many of the adapters diverged; they are no candidates.
    diverged: usize,
}

struct Candidate<'d> {
    title: String,
    cell: &'d CellData,
    /// By photo; all candidates of a group have the same photos.
    losses: Vec<f64>,
}

/// The choice in every training that offers one; `None` if none does.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let groups = groups(page.data);
    if groups.is_empty() {
        return None;
    }
    let title = |group: &Group<'_>| (groups.len() > 1 && !group.title.is_empty()).then(|| group.title.clone());
    let html = html! {
        h2 { "Which one to keep" }
        @for group in &groups {
            @if let Some(title) = title(group) { h3 { (title) } }
            p { (said(group)) }
            div.scroll.plain {
                table {
                    thead { tr { th scope="col" { "adapter" } th.n scope="col" { "held-out loss" } } }
                    tbody { @for candidate in &group.candidates {
                        tr {
                            th scope="row" { "adapter " (candidate.title) }
                            td.n { (measurement(mean(&candidate.losses))) }
                        }
                    } }
                }
            }
        }
        p.soft { (chosen_by(page.judged)) }
    };
    let text = groups.iter().map(|group| {
        let losses = group.candidates.iter().map(|c| format!("{}: {}", c.title, measurement(mean(&c.losses))));
        let losses = losses.collect::<Vec<_>>().join("; ");
        let title = title(group).map(|title| format!("{title}: ")).unwrap_or_default();
        markdown::escape(&format!("{title}{} Held-out losses: {losses}.", said(group)))
    });
    let by = chosen_by(page.judged);
    let markdown = format!("## Which one to keep\n\n{}\n\n{by}", text.collect::<Vec<_>>().join("\n\n"));
    Some(Section { id: "keep", title: "Keep", html, markdown })
}

/// By what number adapters are chosen here, and by what the answer at the top judges.
fn chosen_by(judged: &Judged<'_>) -> String {
    let by = "Inside each training the adapter is chosen by its error on photos it never saw (the denoising loss).";
    if judged.judges_likeness() {
        format!("{by} The answer at the top compares by likeness, so it may name another one.")
    } else {
        by.to_owned()
    }
}

/// The trainings with several adapters whose losses are known.
fn groups(data: &StudyData) -> Vec<Group<'_>> {
    let mut groups: Vec<(&str, Group<'_>)> = Vec::new();
    for cell in data.cells.iter().filter(|cell| !cell.probes.after.is_empty()) {
        let place = groups.iter().position(|(job, _)| *job == cell.train_job).unwrap_or(groups.len());
        if place == groups.len() {
            let shared = cell.assignments.iter().filter(|setting| ![CHECKPOINT, SCALE].contains(&setting.key.as_str()));
            let base = held_out_losses(&cell.probes.base).map(|losses| mean(&losses));
            let title = axis::say_all(shared);
            groups.push((&cell.train_job, Group { title, candidates: Vec::new(), base, diverged: 0 }));
        }
        let group = &mut groups[place].1;
        // Cells that differ in the way images are drawn have the same adapter.
        if group.candidates.iter().any(|other| other.cell.probes.job == cell.probes.job) {
            continue;
        }
        let title = adapter_title(cell);
        match held_out_losses(&cell.probes.after) {
            Some(losses) => group.candidates.push(Candidate { title, cell, losses }),
            None => group.diverged += 1,
        }
    }
    groups.into_iter().map(|(_, group)| group).filter(|group| group.candidates.len() + group.diverged > 1).collect()
}

/// What distinguishes an adapter from others of its training, as it follows the word "adapter".
fn adapter_title(cell: &CellData) -> String {
    let of = |key: &str| cell.assignments.iter().find(|setting| setting.key == key);
    let step = format!("after step {}", cell.steps);
    match (of(CHECKPOINT), of(SCALE)) {
        (Some(_), Some(scale)) => format!("{step} at scale {}", scale.value),
        (None, Some(scale)) => format!("at scale {}", scale.value),
        (_, None) => step,
    }
}

fn mean(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len() as f64
}

/// Which one to keep, in words.
fn said(group: &Group<'_>) -> String {
    let scores: Vec<Vec<f64>> = group.candidates.iter().map(|candidate| candidate.losses.clone()).collect();
    let title = |index: usize| &group.candidates[index].title;
    let photos = scores.first().map_or(0, Vec::len);
    let lowest = (0..scores.len()).min_by(|a, b| mean(&scores[*a]).total_cmp(&mean(&scores[*b])));
    let mut words = match (choose(&scores, Direction::Lower), lowest) {
        (_, None) => "No adapter can be kept: the training diverged.".to_owned(),
        _ if photos == 0 => "No photos are held out, so nothing can say which one to keep.".to_owned(),
        (None, Some(lowest)) => format!(
            "The adapter {} has the lowest held-out loss. With {} it was not checked on photos that had no part in the \
             choice: {FEWEST} are needed.",
            title(lowest),
            count(photos, "held-out photo"),
        ),
        (Some(Choice { by_half: [a, b], chosen, reported, of, .. }), _) => {
            let of = format!("of {of} adapters of one training");
            let loss = measurement(reported);
            if a == b {
                format!(
                    "Keep the adapter {}: {of}, it has the lowest loss on each half of the {photos} held-out photos. \
                     On the half that did not choose it, its loss is {loss} on average.",
                    title(a)
                )
            } else {
                format!(
                    "No clear choice {of}: one half of the {photos} held-out photos chooses the one {}, the other half \
                     the one {}. All together choose the one {}. On the half that did not choose, the loss is {loss} \
                     on average.",
                    title(a),
                    title(b),
                    title(chosen)
                )
            }
        }
    };
    if let (Some(lowest), Some(base)) = (lowest, group.base)
        && mean(&scores[lowest]) >= base
    {
        words += &format!(" None is better than the base model, whose loss is {}.", measurement(base));
    }
    if group.diverged > 0 && lowest.is_some() {
        words += &format!(" {} diverged.", count(group.diverged, "adapter"));
    }
    words
}
