//! The rows of a comparison: prompts with their seeds.

use std::collections::BTreeSet;

use crate::report::data::{Group, StudyData};

/// One prompt with its seeds.
pub(crate) struct PromptRows {
    /// Position in the list of prompts.
    pub(crate) index: usize,
    /// Its wording, or all wordings where those of the cells differ.
    pub(crate) prompt: String,
    /// Every seed any cell uses.
    pub(crate) seeds: Vec<u64>,
}

/// The rows of a group of images: every prompt that a cell has, with the seeds of all cells.
pub(super) fn prompt_rows(data: &StudyData, group: Group) -> Vec<PromptRows> {
    let mut rows: Vec<PromptRows> = Vec::new();
    let mut wordings: Vec<BTreeSet<&String>> = Vec::new();
    for cell in &data.cells {
        for (index, prompt) in cell.prompts_of(group).iter().enumerate() {
            if rows.len() == index {
                rows.push(PromptRows { index, prompt: prompt.clone(), seeds: Vec::new() });
                wordings.push(BTreeSet::new());
            }
            if wordings[index].insert(prompt) && wordings[index].len() > 1 {
                let both = format!("{} / {prompt}", rows[index].prompt);
                rows[index].prompt = both;
            }
            for seed in &cell.seeds {
                if !rows[index].seeds.contains(seed) {
                    rows[index].seeds.push(*seed);
                }
            }
        }
    }
    rows
}
