//! One table with its heading.

use maud::{Markup, html};

use super::compare::Compare;
use super::losses::losses;
use super::rows;
use crate::report::data::StudyData;
use crate::report::naming::choice::Choice;
use crate::report::page::column::Column;
use crate::report::page::layout::Table;

/// The table of one combination of choices.
pub(super) fn block(of: &Compare<'_>, table: &Table) -> Markup {
    let title = title(&of.layout.choices, table);
    let at = table.at.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    let losses = losses(of.data, &of.layout, table);
    let lowest = losses.as_ref().map(|l| l.lowest.iter().map(usize::to_string).collect::<Vec<_>>().join(" "));
    let name = if title.is_empty() { of.what.to_owned() } else { format!("{}: {title}", of.what) };
    html! {
        div.combination data-at=(at) data-lowest=[lowest] {
            @if !title.is_empty() { h3 { (title) } }
            @if let Some(losses) = losses { p.losses { (losses.said) } }
            div.scroll {
                table.grid data-set=(of.set) aria-label=(name) style=(format!("--n:{}", table.columns.len())) {
                    thead { tr {
                        th.seed scope="col" { "seed" }
                        @for column in &table.columns { (head(of.data, column)) }
                    } }
                    (rows::by_name(of, table))
                    (rows::by_prompt(of, table))
                }
            }
        }
    }
}

/// What the table shows: each choice in words.
fn title(choices: &[Choice], table: &Table) -> String {
    let said: Vec<String> = choices
        .iter()
        .zip(&table.at)
        .map(|(choice, value)| {
            let said = choice.say(*value);
            if said == choice.labels[*value] { format!("{} {said}", choice.name()) } else { said }
        })
        .collect();
    said.join(", ")
}

fn head(data: &StudyData, column: &Column) -> Markup {
    let title = column.title(data);
    match column {
        Column::Baseline(_) => html! { th.base scope="col" { (title) } },
        Column::Cell(_) | Column::NoCell(_) => html! { th scope="col" { span.cellhead { (title) } } },
    }
}
