//! A table of any two settings: the score of each pair of values, the other settings averaged.

use maud::{Markup, html};

use crate::measures::verdict::Direction;
use crate::report::finding::{Judged, level_name};
use crate::report::naming::axis;
use crate::report::naming::links::chosen;
use crate::report::style::markdown;
use crate::report::tables::effects::with_levels;
use crate::text::measurement;

/// Strengths of the colour, from the worst cell to the best.
const STEPS: f64 = 10.0;

/// The table of two axes.
struct Heat {
    /// Their indices: rows, columns.
    axes: [usize; 2],
    /// Their names.
    names: [String; 2],
    /// The values of the rows and of the columns.
    titles: [Vec<String>; 2],
    /// By row and column.
    cells: Vec<Vec<HeatCell>>,
}

/// One pair of values.
struct HeatCell {
    /// The mean of the conditions that have a score.
    mean: Option<f64>,
    /// How many have one, of how many.
    of: (usize, usize),
}

/// The tables of all pairs of axes, with a choice among them where there are several.
pub(crate) fn html(judged: &Judged<'_>) -> Markup {
    let tables = tables(judged);
    html! {
        @if tables.len() > 1 {
            fieldset.choice data-choose="heat" hidden {
                legend { "Two settings" }
                @for (i, heat) in tables.iter().enumerate() {
                    label {
                        input type="radio" name="heat" value=(i) checked[i == 0];
                        " " (heat.names[0]) " × " (heat.names[1])
                    }
                }
            }
        }
        @for (i, heat) in tables.iter().enumerate() {
            div data-heat=(i) { (heat.table(judged)) }
        }
    }
}

/// The same as text.
pub(crate) fn text(judged: &Judged<'_>) -> String {
    let table = |heat: &Heat| {
        let mut head = vec![format!("{} × {}", heat.names[0], heat.names[1])];
        head.extend(heat.titles[1].iter().map(|title| markdown::escape(title)));
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let align: Vec<&str> = (0..head.len()).map(|i| if i == 0 { "---" } else { "---:" }).collect();
        let rows = heat.titles[0].iter().zip(&heat.cells).map(|(title, cells)| {
            let cells = cells.iter().map(|cell| cell.mean.map_or_else(|| "–".to_owned(), measurement));
            [markdown::escape(title)].into_iter().chain(cells).collect()
        });
        markdown::table(&head, &align, rows)
    };
    tables(judged).iter().map(table).collect::<Vec<_>>().join("\n\n")
}

fn tables(judged: &Judged<'_>) -> Vec<Heat> {
    if !judged.comparable {
        return Vec::new();
    }
    let axes = judged.axes.len();
    (0..axes).flat_map(|a| (a + 1..axes).map(move |b| (a, b))).map(|(a, b)| heat(judged, a, b)).collect()
}

fn heat(judged: &Judged<'_>, a: usize, b: usize) -> Heat {
    // The axis with more values goes down: a page scrolls that way.
    let axes = if judged.axes[a].values.len() < judged.axes[b].values.len() { [b, a] } else { [a, b] };
    let titles = axes.map(|axis| {
        let levels = 0..judged.axes[axis].values.len();
        levels.map(|level| level_name(judged, axis, level).unwrap_or_default()).collect::<Vec<String>>()
    });
    let cell = |row: usize, column: usize| {
        let those = with_levels(judged, &[(axes[0], row), (axes[1], column)]);
        let scores: Vec<f64> =
            those.iter().filter_map(|c| judged.verdict.conditions[*c].score).map(|score| score.mean).collect();
        let mean = (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64);
        HeatCell { mean, of: (scores.len(), those.len()) }
    };
    let cells = (0..titles[0].len()).map(|row| (0..titles[1].len()).map(|column| cell(row, column)).collect());
    Heat { axes, names: axes.map(|axis| axis::name(judged.axes[axis].key)), cells: cells.collect(), titles }
}

impl Heat {
    fn table(&self, judged: &Judged<'_>) -> Markup {
        let others = judged.axes.len() > 2;
        let scale = self.scale(judged.study.direction);
        html! {
            div.scroll.plain tabindex="0" role="group" aria-label={ (self.names[0]) " and " (self.names[1]) } {
                table.heat {
                    caption {
                        "Mean " (judged.question.noun()) " by " (self.names[0]) " and " (self.names[1])
                        @if others { ", the other settings averaged" }
                        small { "a stronger colour is better" }
                    }
                    thead { tr {
                        td {}
                        @for title in &self.titles[1] { th.n scope="col" { (title) } }
                    } }
                    tbody { @for (row, (title, cells)) in self.titles[0].iter().zip(&self.cells).enumerate() {
                        tr {
                            th scope="row" { span.name { (title) } }
                            @for (column, cell) in cells.iter().enumerate() {
                                @match cell.mean {
                                    Some(mean) => td class={ "n h" (scale(mean)) } {
                                        a href="#images" data-t=(self.chosen(judged, [row, column])) {
                                            (measurement(mean))
                                        }
                                        @if cell.of.0 < cell.of.1 {
                                            small { "mean of " (cell.of.0) " of " (cell.of.1) }
                                        }
                                    },
                                    None => td.n { "–" small { (none(judged, cell)) } },
                                }
                            }
                        }
                    } }
                }
            }
        }
    }

    /// The tabs that show the images of a row and a column.
    fn chosen(&self, judged: &Judged<'_>, levels: [usize; 2]) -> String {
        let setting = |i: usize| {
            let axis = &judged.axes[self.axes[i]];
            (axis.key, axis.values[levels[i]])
        };
        chosen(judged.data, &[setting(0), setting(1)])
    }

    /// The strength of the colour of a score.
    fn scale(&self, direction: Direction) -> impl Fn(f64) -> u8 {
        let means =
            || self.cells.iter().flatten().filter_map(|cell| cell.mean).map(move |mean| mean * direction.sign());
        let (low, high) = means().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        move |mean| {
            let share = (mean * direction.sign() - low) / (high - low);
            if share.is_finite() { (share.clamp(0.0, 1.0) * STEPS).round() as u8 } else { (STEPS / 2.0) as u8 }
        }
    }
}

/// Why a pair has no score.
fn none(judged: &Judged<'_>, cell: &HeatCell) -> &'static str {
    let diverged = judged.conditions.iter().any(|c| c.trainings.iter().any(|t| t.diverged));
    match cell.of.1 {
        0 => "no training",
        _ if diverged => "diverged",
        _ => "no score",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;

    #[test]
    fn each_pair_of_values_has_a_cell_and_the_best_is_strongest() {
        let data = fixture::two_axes();
        let judged = judged(&data);
        let page = html(&judged).into_string();
        assert_eq!(page.matches("href=\"#images\"").count(), 4);
        // The loss of 4 photos is lower, which is better.
        assert_eq!((page.matches("class=\"n h10\"").count(), page.matches("class=\"n h0\"").count()), (2, 2));
        assert!(!page.contains("radio"), "two settings have one table");
        assert!(text(&judged).contains("| 4 photos | 0.2600 | 0.2600 |"), "{}", text(&judged));
    }

    #[test]
    fn a_gap_says_so() {
        let mut data = fixture::two_axes();
        if let Some(metrics) = &mut data.cells[3].metrics {
            metrics.insert("probe_held_out".into(), 9.0);
        }
        let judged = judged(&data);
        let page = html(&judged).into_string();
        assert!(page.contains("–<small>diverged</small>"), "{page}");
    }

    #[test]
    fn equal_scores_have_one_colour() {
        let mut data = fixture::two_axes();
        data.cells.iter_mut().flat_map(|c| &mut c.metrics).for_each(|m| m.extend([("probe_held_out".into(), 0.2)]));
        let judged = judged(&data);
        assert_eq!(html(&judged).into_string().matches("n h5").count(), 4);
    }
}
