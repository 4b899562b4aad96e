//! After which step the loss on unseen photos was lowest: what one should know while moving the steps.

use crate::report::data::StudyData;
use crate::report::naming::axis;
use crate::report::page::column::Column;
use crate::report::page::layout::{Layout, Table};
use crate::text::{list, measurement};

/// The losses of a table's cells.
#[derive(Debug, PartialEq)]
pub(super) struct Losses {
    /// One sentence.
    pub(super) said: String,
    /// Where on the slider of steps a column has its lowest loss.
    pub(super) lowest: Vec<usize>,
}

/// The losses of one table; `None` if steps are not chosen, or no photo is held out.
pub(super) fn losses(data: &StudyData, layout: &Layout, table: &Table) -> Option<Losses> {
    let steps = layout.choices.iter().position(|c| c.key == axis::CHECKPOINT)?;
    let loss = |table: &Table, column: usize| match table.columns.get(column)? {
        Column::Cell(i) => data.cells.get(*i)?.value("probe_held_out"),
        Column::Baseline(_) | Column::NoCell(_) => None,
    };
    let others = |at: &[usize]| -> Vec<usize> {
        at.iter().enumerate().filter(|(i, _)| *i != steps).map(|(_, value)| *value).collect()
    };
    let alike: Vec<&Table> = layout.tables.iter().filter(|t| others(&t.at) == others(&table.at)).collect();
    let (mut said, mut lowest) = (Vec::new(), Vec::new());
    let columns = table.columns.iter().filter(|c| matches!(c, Column::Cell(_))).count();
    for (i, column) in table.columns.iter().enumerate() {
        let Some(own) = loss(table, i) else { continue };
        let measured = alike.iter().filter_map(|t| Some((t.at[steps], loss(t, i)?)));
        let Some((place, _)) = measured.min_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
        lowest.push(place);
        let here = if place == table.at[steps] {
            "the lowest".to_owned()
        } else {
            format!("lowest {}", layout.choices[steps].say(place))
        };
        let name = if columns > 1 { format!("{} ", column.title(data)) } else { String::new() };
        said.push(format!("{name}{} ({here})", measurement(own)));
    }
    lowest.sort_unstable();
    lowest.dedup();
    (!said.is_empty()).then(|| Losses { said: format!("Loss on photos it never saw: {}.", list(&said)), lowest })
}
