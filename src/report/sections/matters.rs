//! Which of several settings matter, and how much beside a repeated training.

use maud::{Markup, html};

use super::section::{Page, Section};
use crate::report::finding::{Judged, turned_orders};
use crate::report::naming::axis;
use crate::report::style::dots::{DotPlot, DotRow, Marks};
use crate::report::style::markdown;
use crate::report::tables::effects::{Effect, effects, of_seeds};
use crate::report::tables::{heat, ranking};

/// What is said where nothing can be averaged.
const GAPS: &str = "Some combinations have no score, so no setting can be averaged over the others fairly. The tables \
                    show what is there.";

/// One plot an axis, a table of each two axes, and the ranking; `None` if only the number of photos is swept, or
/// nothing.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let judged = page.judged;
    let matters = match judged.axes.as_slice() {
        [] => false,
        [one] => !axis::counts_photos(one.key),
        _ => true,
    };
    if !matters || !judged.comparable || judged.scored().len() < 2 {
        return None;
    }
    let effects = effects(judged);
    let seeds = of_seeds(judged);
    let turned = turned_orders(judged);
    let html = html! {
        h2 { "What mattered" }
        @if effects.is_empty() { p { (GAPS) } } @else { (plots(judged, &effects, seeds.as_ref())) }
        @for sentence in &turned { p { (sentence) } }
        @if judged.axes.len() > 1 {
            h3 { "Two settings at a time" }
            (heat::html(judged))
        }
        h3 { "All conditions, the best score first" }
        (ranking::html(judged))
    };
    let mut text = vec!["## What mattered".to_owned()];
    match effects.is_empty() {
        true => text.push(GAPS.to_owned()),
        false => {
            let said = |effect: &Effect| format!("- {}: {}", upper(&effect.name), markdown::escape(&effect.said));
            text.push(effects.iter().chain(&seeds).map(said).collect::<Vec<_>>().join("\n"));
        }
    }
    text.extend(turned.iter().map(|sentence| markdown::escape(sentence)));
    text.push(heat::text(judged));
    text.push(ranking::text(judged));
    text.retain(|block| !block.is_empty());
    Some(Section { id: "matters", title: "What mattered", html, markdown: text.join("\n\n") })
}

fn plots(judged: &Judged<'_>, effects: &[Effect], seeds: Option<&Effect>) -> Markup {
    let marks = Marks {
        dot: "one training seed",
        dots: "training seeds",
        band: "bands that do not touch: told apart",
        range: range(effects.iter().chain(seeds)),
    };
    html! {
        p {
            "The setting that moves the " (judged.question.noun()) " most stands first. Each plot averages over the "
            "other settings, and all have the same scale."
        }
        div.effects {
            @for effect in effects.iter().chain(seeds) {
                div.effect {
                    h3 { (upper(&effect.name)) }
                    p { (effect.said) }
                    (plot(judged, effect).svg_with(marks))
                }
            }
        }
    }
}

fn plot(judged: &Judged<'_>, effect: &Effect) -> DotPlot {
    let rows = effect.levels.iter().map(|level| DotRow {
        label: level.title.clone(),
        href: None,
        // A single dot would be the mean itself.
        dots: if level.dots.len() > 1 { level.dots.clone() } else { Vec::new() },
        mean: Some(level.mean),
        interval: level.band,
    });
    DotPlot {
        title: format!("Mean {}", judged.question.noun()),
        direction: judged.study.direction,
        rows: rows.collect(),
        floor: None,
        ceiling: None,
    }
}

/// What the scale of all plots must hold. Bands of two trainings may be very wide: they do not count.
fn range<'e>(effects: impl Iterator<Item = &'e Effect>) -> Option<(f64, f64)> {
    let numbers = effects
        .flat_map(|effect| &effect.levels)
        .flat_map(|level| level.dots.iter().map(|(value, _)| *value).chain([level.mean]));
    numbers.fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((low, high)) => Some((f64::min(low, v), f64::max(high, v))),
    })
}

fn upper(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::data::StudyData;
    use crate::report::finding::judged;
    use crate::report::fixture;
    use crate::report::sections::Charts;

    fn made(data: &StudyData) -> Option<Section> {
        let judged = judged(data);
        section(&Page { data, judged: &judged, other: None, charts: Charts::default() })
    }

    #[test]
    fn sizes_alone_have_no_such_section() {
        assert!(made(&fixture::study()).is_none());
        assert!(made(&fixture::with_seeds(&fixture::study(), 3)).is_none());
    }

    #[test]
    fn two_axes_have_plots_a_table_and_a_ranking() {
        let section = made(&fixture::with_seeds(&fixture::two_axes(), 2)).expect("a section");
        let page = section.html.into_string();
        assert_eq!(page.matches("class=\"effect\"").count(), 3, "two settings and the seed");
        assert!(page.contains("table class=\"heat\"") && page.contains("id=\"ranking\""));
        insta::assert_snapshot!(section.markdown);
    }
}
