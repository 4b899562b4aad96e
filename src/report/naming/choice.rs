//! What tabs and sliders choose: every swept setting that is not the columns' own.

use crate::report::data::{CellData, StudyData};
use crate::report::naming::{axis, titles};

/// A setting that is chosen, for all images together.
pub(crate) struct Choice {
    /// The setting's dotted name.
    pub(crate) key: String,
    /// Its values, in the order in which they are offered; empty where a cell has no such setting.
    pub(crate) values: Vec<String>,
    /// What each value is called on its tab.
    pub(crate) labels: Vec<String>,
    /// The value that is shown first.
    pub(crate) first: usize,
}

impl Choice {
    /// The index of a cell's value.
    pub(crate) fn of(&self, cell: &CellData) -> usize {
        let own = value(cell, Some(&self.key));
        self.values.iter().position(|v| v == own).unwrap_or_default()
    }

    /// What is chosen, over its tabs.
    pub(crate) fn name(&self) -> String {
        match self.key.as_str() {
            "train.seed" => "training".to_owned(),
            "dataset.seed" => "choice of photos".to_owned(),
            key => axis::name(key),
        }
    }

    /// A value as the heading of a table says it.
    pub(crate) fn say(&self, value: usize) -> String {
        match self.values.get(value).map(String::as_str) {
            None => String::new(),
            Some("") => format!("{} not set", self.name()),
            Some(_) if axis::is_repeat(&self.key) => self.labels[value].clone(),
            Some(value) => axis::say(&self.key, value),
        }
    }
}

/// A cell's value of a setting; empty if it has none.
pub(crate) fn value<'c>(cell: &'c CellData, key: Option<&str>) -> &'c str {
    cell.assignments.iter().find(|s| Some(s.key.as_str()) == key).map_or("", |s| s.value.as_str())
}

/// The swept settings that follow from the main axis: each of its values has one value of theirs. They need no choice.
pub(crate) fn tied<'d>(data: &'d StudyData, main: Option<&str>) -> Vec<&'d str> {
    let main = main.filter(|key| !axis::is_repeat(key));
    let several = main.is_some_and(|main| values(data, main).len() > 1);
    let follows = |key: &str| {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        data.cells.iter().all(|cell| {
            let own = (value(cell, main), value(cell, Some(key)));
            let known = pairs.iter().find(|(of_main, _)| *of_main == own.0).map(|pair| pair.1 == own.1);
            pairs.push(own);
            known.unwrap_or(true)
        })
    };
    let keys = data.axes.iter().map(|a| a.key.as_str()).filter(|key| several && Some(*key) != main);
    keys.filter(|key| values(data, key).len() > 1 && follows(key)).collect()
}

/// The values that cells have of a setting, in the order of its axis.
fn values(data: &StudyData, key: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for cell in &data.cells {
        let own = value(cell, Some(key));
        if !found.iter().any(|v| v == own) {
            found.push(own.to_owned());
        }
    }
    let number = |v: &String| v.parse::<f64>().ok();
    if axis::is_slider(key) && found.iter().all(|v| number(v).is_some()) {
        found.sort_by(|a, b| number(a).unwrap_or(0.0).total_cmp(&number(b).unwrap_or(0.0)));
    } else if let Some(axis) = data.axes.iter().find(|a| a.key == key) {
        found.sort_by_key(|v| axis.values.iter().position(|other| other == v).unwrap_or(usize::MAX));
    }
    found
}

/// All choices of a study, in the order of its axes, sliders last.
pub(crate) fn choices(data: &StudyData) -> Vec<Choice> {
    let main = titles::main_axis(data).filter(|key| !axis::is_repeat(key));
    let tied = tied(data, main);
    let chosen = data.axes.iter().map(|a| a.key.as_str()).filter(|key| Some(*key) != main && !tied.contains(key));
    let mut out: Vec<Choice> =
        chosen.map(|key| choice(key, values(data, key))).filter(|c| c.values.len() > 1).collect();
    out.sort_by_key(|c| (axis::is_slider(&c.key), axis::is_repeat(&c.key)));
    out
}

fn choice(key: &str, values: Vec<String>) -> Choice {
    let labels = values.iter().enumerate().map(|(i, value)| match key {
        _ if axis::is_repeat(key) => format!("{} of {}", i + 1, values.len()),
        _ if value.is_empty() => "not set".to_owned(),
        _ => value.clone(),
    });
    let labels = labels.collect();
    let first = match key {
        // A training ends with its last step.
        axis::CHECKPOINT => values.len() - 1,
        _ if axis::is_slider(key) => values.iter().position(|v| v.parse() == Ok(1.0)).unwrap_or(values.len() - 1),
        _ => 0,
    };
    Choice { key: key.to_owned(), values, labels, first }
}
