//! Every measure of every condition, folded: one row a measure, one column a condition.

use maud::{Markup, html};

use crate::measures::{Measure, table};
use crate::report::data::StudyData;
use crate::report::finding::blind_encoder;
use crate::report::naming::words::number_or_dash;
use crate::report::tables::columns::meaning;
use crate::report::tables::rows::Row;

/// The table; nothing where nothing is measured.
pub(crate) fn html(data: &StudyData, rows: &[Row<'_>]) -> Markup {
    let names = names(rows);
    html! {
        @if !names.is_empty() {
            details.all {
                summary { "All measures (" (names.len()) "), and what they say" }
                div.scroll.plain tabindex="0" role="group" aria-label="All measures" {
                    table.numbers.figures {
                        thead { tr {
                            th scope="col" { "measure" }
                            @for row in rows { th.n scope="col" { span.name { (row.title) } } }
                        } }
                        tbody { @for (name, measure) in &names {
                            tr {
                                th scope="row" {
                                    code { (name) }
                                    small { (meaning(measure)) }
                                    @if let Some(encoder) = blind_encoder(data, name) {
                                        small.over {
                                            "The encoder " (encoder) " is blind to this subject: this says nothing."
                                        }
                                    }
                                }
                                @for row in rows {
                                    td { (number_or_dash(row.estimate(name).map(|estimate| estimate.mean))) }
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
    use crate::choice::Purpose;
    use crate::report::data::EncoderData;
    use crate::report::finding::judged;
    use crate::report::fixture;
    use crate::report::tables::rows::rows;

    #[test]
    fn what_a_blind_encoder_measured_says_so() {
        let mut data = fixture::study();
        data.encoders = vec![EncoderData { name: "dino".into(), purposes: vec![Purpose::Identity] }];
        let seen = [("identity", 0.5), ("identity_range_low", 0.1), ("identity@clip", 0.7)];
        let measured = |data: &mut StudyData, values: &[(&str, f64)]| {
            let values = values.iter().map(|(name, value)| ((*name).to_owned(), *value));
            data.cells[0].metrics.iter_mut().for_each(|m| m.extend(values.clone()));
        };
        measured(&mut data, &seen);
        let marks = |data: &StudyData| html(data, &rows(&judged(data))).into_string().matches("is blind to").count();
        assert_eq!(marks(&data), 0);
        measured(&mut data, &[("identity_range_low", -0.1)]);
        assert_eq!(marks(&data), 2, "the likeness and its range, not what another encoder saw");
        measured(&mut data, &[("identity_range_low@clip", -0.1)]);
        assert_eq!(marks(&data), 4);
    }

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
