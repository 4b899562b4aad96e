//! The images of a study as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::reader::{For, rounded};
use crate::measures::record::Values;
use crate::report::data::{Group, Picture, StudyData};
use crate::report::finding::says_nothing;
use crate::report::naming::command;
use crate::report::naming::words;
use crate::report::style::picture::shown;
use crate::report::style::shot::Of;
use crate::report::tables::eye::hashes;
use crate::report::tables::scores::{SCORES, Score};

/// A prompt; `shown` if signs in it hide something.
#[derive(Serialize)]
pub(super) struct PromptJson<'d> {
    text: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<String>,
}

/// The name of a file inside the folder of a cell or of the base model, and an index into `prompts`.
#[derive(Serialize)]
pub(super) struct NameJson<'d> {
    file: &'d str,
    text: usize,
}

#[derive(Serialize)]
pub(super) struct ImageJson<'d> {
    id: String,
    #[serde(flatten)]
    more: Option<ImageMore<'d>>,
    /// Its prompt, where it is not that of the first image of its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<&'d str>,
    /// Each of the study's `scores` with its floor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<Vec<Option<Pair>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_photo: Option<usize>,
}

/// A score and its floor.
type Pair = (f64, Option<f64>);

/// What an image's name says, and what only programs want to know.
#[derive(Serialize)]
pub(super) struct ImageMore<'d> {
    cell: Option<usize>,
    baseline: Option<usize>,
    group: &'static str,
    prompt_index: usize,
    prompt: &'d str,
    seed: u64,
    file: &'d str,
    thumb: String,
    width: u32,
    height: u32,
    scores: &'d Values,
    command: Option<String>,
}

/// The images while they are listed.
pub(super) struct Images<'d> {
    data: &'d StudyData,
    hashes: BTreeMap<&'d str, &'d str>,
    reader: For,
    pub(super) prompts: Vec<PromptJson<'d>>,
    known: BTreeMap<&'d str, usize>,
    pub(super) names: BTreeMap<String, NameJson<'d>>,
    pub(super) list: Vec<ImageJson<'d>>,
}

impl<'d> Images<'d> {
    /// Every image of a cell or of the base model, with the prompts and file names that the page needs.
    pub(super) fn of(data: &'d StudyData, reader: For) -> Self {
        let (hashes, known, names) = (hashes(data), BTreeMap::new(), BTreeMap::new());
        let mut all = Self { data, hashes, reader, prompts: Vec::new(), known, names, list: Vec::new() };
        for (index, set) in data.baselines.iter().enumerate() {
            set.images.iter().for_each(|picture| all.add(Of::Baseline(index), picture));
        }
        for (index, cell) in data.cells.iter().enumerate() {
            cell.images.iter().for_each(|picture| all.add(Of::Cell(index), picture));
        }
        all
    }

    fn add(&mut self, of: Of, picture: &'d Picture) {
        let id = of.id(picture);
        let page = self.reader == For::Page;
        // Votes are about the study's prompts.
        let hash = self.hashes.get(picture.file.as_str()).copied().filter(|_| !page || picture.group == Group::Prompt);
        let image = ImageJson {
            more: (!page).then(|| self.more(of, picture, &id)),
            text: if page { self.name(&id, picture) } else { None },
            id,
            hash,
            pairs: page.then(|| self.pairs(picture)).filter(|pairs| pairs.iter().any(Option::is_some)),
            nearest_photo: picture.nearest_photo,
        };
        self.list.push(image);
    }

    /// Lists what the image has in common with others of its name; returns its prompt if that is not theirs.
    fn name(&mut self, id: &str, picture: &'d Picture) -> Option<usize> {
        let text = self.prompt(&picture.prompt);
        let end = id.split_once('-').map_or(id, |(_, end)| end).to_owned();
        let file = picture.file.rsplit_once('/').map_or(picture.file.as_str(), |(_, file)| file);
        let common = self.names.entry(end).or_insert(NameJson { file, text });
        (common.text != text).then_some(text)
    }

    fn more(&self, of: Of, picture: &'d Picture, id: &str) -> ImageMore<'d> {
        let (cell, baseline) = match of {
            Of::Cell(index) => (Some(index), None),
            Of::Baseline(index) | Of::Class(index) => (None, Some(index)),
            Of::Other(_) => (None, None),
        };
        let first = |set: usize| self.data.baselines.get(set)?.cells.first().copied();
        let drawn = cell.or_else(|| first(baseline?)).and_then(|index| self.data.cells.get(index));
        let beginning = drawn.and_then(|c| command::beginning(c, cell.is_some(), (picture.width, picture.height)));
        ImageMore {
            cell,
            baseline,
            group: picture.group.word(),
            prompt_index: picture.prompt_index,
            prompt: &picture.prompt,
            seed: picture.seed,
            file: &picture.file,
            thumb: shown(&picture.file, picture.width),
            width: picture.width,
            height: picture.height,
            scores: &picture.values,
            command: beginning.map(|beginning| command::whole(&beginning, picture, id)),
        }
    }

    fn pairs(&self, picture: &Picture) -> Vec<Option<(f64, Option<f64>)>> {
        let pair = |score: &Score| {
            let measure = score.measure().filter(|measure| !says_nothing(self.data, measure.name))?;
            let value = measure.value(&picture.values)?;
            let floor = measure.floor(&picture.values);
            Some((rounded(value, self.reader), floor.map(|v| rounded(v, self.reader))))
        };
        SCORES.iter().map(pair).collect()
    }

    fn prompt(&mut self, text: &'d str) -> usize {
        *self.known.entry(text).or_insert_with(|| {
            let shown = Some(words::visible(text)).filter(|shown| shown != text);
            self.prompts.push(PromptJson { text, shown });
            self.prompts.len() - 1
        })
    }
}
