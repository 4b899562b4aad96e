//! Everything of a study but its images as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::images::{ImageJson, Images, NameJson, PromptJson};
use super::reader::{For, rounded};
use crate::measures::record::Values;
use crate::measures::verdict::Direction;
use crate::report::data::{CellData, Drawing, ImageSet, Picture, StudyData};
use crate::report::finding::Judged;
use crate::report::naming::axis;
use crate::report::naming::command;
use crate::report::naming::{titles, words};
use crate::report::style::shot::photo_id;
use crate::report::tables::membership::{condition_of, condition_title};
use crate::report::tables::scores::{SCORES, Score};

/// Changes when a reader of the file must change.
const FORMAT: u32 = 1;

#[derive(Serialize)]
pub(super) struct Study<'d> {
    format: u32,
    study: Head<'d>,
    axes: Vec<AxisJson<'d>>,
    scores: Vec<ScoreJson>,
    conditions: Vec<ConditionJson<'d>>,
    cells: Vec<CellJson<'d>>,
    baselines: Vec<BaselineJson<'d>>,
    photos: Vec<PhotoJson<'d>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    prompts: Vec<PromptJson<'d>>,
    /// What images of one prompt and seed have in common, by the end of their names: `p0-s1`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    names: BTreeMap<String, NameJson<'d>>,
    images: Vec<ImageJson<'d>>,
}

#[derive(Serialize)]
struct Head<'d> {
    name: &'d str,
    title: String,
    file: &'d str,
    question: &'static str,
    direction: &'static str,
    /// The axis along which the columns of the comparison differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    main_axis: Option<&'d str>,
}

#[derive(Serialize)]
struct AxisJson<'d> {
    key: &'d str,
    title: String,
    values: &'d [String],
    repeat: bool,
}

#[derive(Serialize)]
struct ScoreJson {
    name: &'static str,
    title: &'static str,
    better: &'static str,
    floor: &'static str,
    ceiling: &'static str,
}

#[derive(Serialize)]
struct ConditionJson<'d> {
    title: &'d str,
    cells: Vec<usize>,
}

#[derive(Serialize)]
struct CellJson<'d> {
    index: usize,
    label: &'d str,
    title: String,
    /// Where its images lie.
    folder: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<&'d str>,
    settings: BTreeMap<&'d str, &'d str>,
    condition: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    train_seed: u64,
    steps: usize,
    checkpoint: Option<usize>,
    scale: f64,
    baseline: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    photos: Option<&'d [usize]>,
    held_out: &'d [usize],
    /// What real photos reach in each of the study's `scores`.
    ceilings: Vec<Option<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<&'d Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adapters: Option<&'d [String]>,
    drawing: DrawingJson<'d>,
    toml: &'d str,
    /// How the command begins that makes an image of the cell again.
    command: Option<String>,
}

#[derive(Serialize)]
struct DrawingJson<'d> {
    model: &'d str,
    model_is_path: bool,
    sampler: &'d str,
    steps: usize,
    guidance_scale: f64,
}

#[derive(Serialize)]
struct BaselineJson<'d> {
    label: String,
    folder: &'d str,
    cells: &'d [usize],
    /// How the command begins that makes an image of the base model again.
    command: Option<String>,
}

#[derive(Serialize)]
struct PhotoJson<'d> {
    index: usize,
    id: String,
    name: String,
    file: Option<&'d str>,
    held_out: bool,
}

/// The whole study.
pub(super) fn study<'j>(judged: &'j Judged<'_>, reader: For) -> Study<'j> {
    let data = judged.data;
    let conditions = judged.conditions.iter().enumerate().map(|(index, _)| ConditionJson {
        title: condition_title(judged, index),
        cells: (0..data.cells.len()).filter(|c| condition_of(judged, &data.cells[*c]) == Some(index)).collect(),
    });
    let Images { prompts, names, list, .. } = Images::of(data, reader);
    Study {
        format: FORMAT,
        study: Head {
            name: &data.name,
            title: words::visible(titles::study_title(data)),
            file: &data.file,
            question: judged.question.name(),
            direction: match judged.question.direction() {
                Direction::Higher => "higher",
                Direction::Lower => "lower",
            },
            main_axis: titles::main_axis(data),
        },
        axes: (data.axes.iter())
            .map(|a| AxisJson {
                key: &a.key,
                title: axis::name(&a.key),
                values: &a.values,
                repeat: axis::is_repeat(&a.key),
            })
            .collect(),
        scores: SCORES.iter().map(score).collect(),
        conditions: conditions.collect(),
        cells: (data.cells.iter().enumerate()).map(|(index, c)| cell(judged, index, c, reader)).collect(),
        baselines: data.baselines.iter().map(|set| baseline(data, set)).collect(),
        photos: photos(data),
        prompts,
        names,
        images: list,
    }
}

fn score(score: &Score) -> ScoreJson {
    let Score { measure: name, title, floor, ceiling } = *score;
    ScoreJson { name, title, better: score.better(), floor, ceiling }
}

fn cell<'j>(judged: &'j Judged<'_>, index: usize, cell: &'j CellData, reader: For) -> CellJson<'j> {
    let Drawing { model, model_is_path, sampler, steps, guidance, lora_scale, .. } = &cell.drawing;
    let programs = reader == For::Programs;
    let ceiling = |score: &Score| score.measure()?.ceiling(cell.metrics.as_ref()?).map(|v| rounded(v, reader));
    // All images of a cell have one size.
    let size = cell.images.first().map_or((0, 0), |p| (p.width, p.height));
    CellJson {
        index,
        label: &cell.label,
        title: words::visible(&titles::full_title(judged.data, cell)),
        folder: folder(&cell.images),
        slug: programs.then_some(cell.slug.as_str()),
        settings: cell.assignments.iter().map(|s| (s.key.as_str(), s.value.as_str())).collect(),
        condition: condition_of(judged, cell),
        state: programs.then(|| cell.state()),
        train_seed: cell.train_seed,
        steps: cell.steps,
        checkpoint: cell.checkpoint,
        scale: *lora_scale,
        baseline: cell.baseline,
        photos: programs.then_some(cell.train_photos.as_slice()),
        held_out: &cell.held_out_photos,
        ceilings: SCORES.iter().map(ceiling).collect(),
        scores: cell.metrics.as_ref().filter(|_| programs),
        adapters: programs.then_some(cell.adapters.as_slice()),
        drawing: DrawingJson {
            model,
            model_is_path: *model_is_path,
            sampler,
            steps: *steps,
            guidance_scale: guidance.scale,
        },
        toml: &cell.toml,
        command: command::beginning(cell, true, size),
    }
}

fn baseline<'d>(data: &'d StudyData, set: &'d ImageSet) -> BaselineJson<'d> {
    let drawn = set.cells.first().and_then(|index| data.cells.get(*index)).zip(set.images.first());
    let command = drawn.and_then(|(cell, p)| command::beginning(cell, false, (p.width, p.height)));
    BaselineJson { label: words::visible(&set.label), folder: folder(&set.images), cells: &set.cells, command }
}

/// The folder of the images of one set; all lie in one.
fn folder(images: &[Picture]) -> &str {
    images.first().and_then(|p| p.file.rsplit_once('/')).map_or("", |(folder, _)| folder)
}

fn photos(data: &StudyData) -> Vec<PhotoJson<'_>> {
    let held_out = |index: usize| data.cells.iter().any(|cell| cell.held_out_photos.contains(&index));
    (data.photos.iter().enumerate())
        .map(|(index, photo)| PhotoJson {
            index,
            id: photo_id(index),
            name: words::visible(&photo.name),
            file: photo.file.as_deref(),
            held_out: held_out(index),
        })
        .collect()
}
