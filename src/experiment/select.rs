//! `--only 'dataset.size=5'`: a part of the grid.
//!
//! One `--only` holds conditions that must all be true: `dataset.size=5 train.rank=4`, which is also how cells
//! are labelled. With several `--only`, a cell must match at least one.

use super::problem::Problem;
use super::problems::Problems;
use super::source::Place;
use super::{Cell, Experiment, node, schema, value};

/// Why no cells were selected.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// It is not written as `key=value`, or the key does not exist.
    #[error("{0}")]
    Wrong(Problems),
    /// No cell matches.
    #[error("no cell matches {only}; there are: {labels}")]
    Nothing {
        /// What was asked for.
        only: String,
        /// The cells there are, at most 20.
        labels: String,
    },
}

impl Experiment {
    /// The indices of the cells that match one of `only`; all cells if `only` is empty.
    ///
    /// # Errors
    /// [`SelectError::Nothing`] if no cell matches.
    pub fn select(&self, only: &[String]) -> Result<Vec<usize>, SelectError> {
        if only.is_empty() {
            return Ok((0..self.cells.len()).collect());
        }
        let mut chosen = vec![false; self.cells.len()];
        for text in only {
            let conditions = if self.cells.iter().any(|cell| is_called(cell, text)) {
                Vec::new()
            } else {
                parse(text).map_err(SelectError::Wrong)?
            };
            for (cell, chosen) in self.cells.iter().zip(&mut chosen) {
                let matches = |(key, wanted): &(String, String)| {
                    cell.values.get(key).is_some_and(|entry| {
                        value::label(&entry.value) == *wanted
                            || value::same(&entry.value, &node::parse_value(wanted).value().0)
                    })
                };
                *chosen |= is_called(cell, text) || (!conditions.is_empty() && conditions.iter().all(matches));
            }
        }
        let selected: Vec<usize> = (0..chosen.len()).filter(|i| chosen[*i]).collect();
        if selected.is_empty() {
            let mut labels: Vec<&str> = self.cells.iter().take(20).map(|cell| cell.label.as_str()).collect();
            if self.cells.len() > labels.len() {
                labels.push("…");
            }
            let quoted: Vec<String> = only.iter().map(|text| format!("'{text}'")).collect();
            return Err(SelectError::Nothing { only: quoted.join(" or "), labels: labels.join(", ") });
        }
        Ok(selected)
    }
}

fn is_called(cell: &Cell, text: &str) -> bool {
    cell.label == text.trim() || cell.slug == text.trim()
}

/// Splits `a.b=1 c.d=x y` before every word that begins with a known key and `=`.
fn parse(text: &str) -> Result<Vec<(String, String)>, Problems> {
    let place = || Place::Text(format!("--only {text}"));
    let mut conditions: Vec<(String, String)> = Vec::new();
    for word in text.split_whitespace() {
        match (word.split_once('='), conditions.last_mut()) {
            (Some((key, wanted)), _) if schema::is_setting(key) => conditions.push((key.to_owned(), wanted.to_owned())),
            // A value with a space in it goes on.
            (None, Some((_, wanted))) => wanted.extend([" ", word]),
            (Some((key, _)), _) => {
                return Err(Problem::error(place(), format!("unknown key `{key}`"))
                    .suggestion(schema::suggestion(key))
                    .into());
            }
            (None, None) => break,
        }
    }
    if conditions.is_empty() {
        return Err(Problem::error(place(), "this is not a condition")
            .expected("a key and a value, e.g. `dataset.size=5`, or the label of a cell")
            .into());
    }
    Ok(conditions)
}
