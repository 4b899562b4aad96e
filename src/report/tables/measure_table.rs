//! Every measure of every condition, folded: one row a measure, one column a condition.

use maud::{Markup, html};

use crate::measures::{Measure, table};
use crate::report::naming::words::number_or_dash;
use crate::report::tables::columns::meaning;
use crate::report::tables::rows::Row;

/// The table; nothing where nothing is measured.
pub(crate) fn html(rows: &[Row<'_>]) -> Markup {
    let names = names(rows);
    html! {
        @if !names.is_empty() {
            details.all {
                summary { "All measures (" (names.len()) "), and what they say" }
                div.scroll.plain tabindex="0" role="group" aria-label="All measures" {
                    table.numbers {
                        thead { tr {
                            th scope="col" { "measure" }
                            @for row in rows { th.n scope="col" dir="auto" { span.name { (row.title) } } }
                        } }
                        tbody { @for (name, measure) in &names {
                            tr {
                                th scope="row" { code { (name) } small { (meaning(measure)) } }
                                @for row in rows {
                                    td.n { (number_or_dash(row.estimate(name).map(|estimate| estimate.mean))) }
                                }
                            }
                        } }
                    }
                }
                p.soft {
                    "Means over the trainings of a condition; those that diverged are left out. A name with “@” is the "
                    "same measure by a further encoder."
                }
            }
        }
    }
}

/// The measures that have numbers, as the cells call them: a second encoder's have its name behind theirs.
fn names(rows: &[Row<'_>]) -> Vec<(String, &'static Measure)> {
    let cells = || rows.iter().flat_map(|row| &row.runs).map(|run| run.cell);
    let mut out: Vec<(String, &'static Measure)> = Vec::new();
    for measure in table::of_cells() {
        let own =
            |name: &str| name == measure.name || name.strip_prefix(measure.name).is_some_and(|n| n.starts_with('@'));
        let stored = cells().filter_map(|cell| cell.metrics.as_ref()).flat_map(|values| values.keys());
        let mut names: Vec<&str> = stored.map(String::as_str).filter(|name| own(name)).collect();
        // Until the evaluation is done, the losses come from the curve.
        if cells().any(|cell| cell.value(measure.name).is_some()) {
            names.push(measure.name);
        }
        names.sort_unstable();
        names.dedup();
        out.extend(names.into_iter().map(|name| (name.to_owned(), measure)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;
    use crate::report::tables::rows::rows;

    #[test]
    fn further_encoders_stand_after_the_first() {
        let mut data = fixture::study();
        for (name, value) in [("identity", 0.5), ("identity@clip", 0.7), ("identity_floor", 0.1)] {
            data.cells[0].metrics.iter_mut().for_each(|m| m.extend([(name.into(), value)]));
        }
        let judged = judged(&data);
        let names = names(&rows(&judged));
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        let place = |name: &str| names.iter().position(|n| *n == name);
        assert_eq!(place("identity").map(|at| at + 1), place("identity@clip"));
        assert!(place("identity_floor").is_some() && place("leak").is_none(), "{names:?}");
    }
}
