//! The study as JSON: `cells.json` for programs, and a shorter copy in the page for its own scripts.
//!
//! `docs/report.md` describes every key. The page's copy leaves out what scripts of the page do not read, and rounds.

use std::collections::BTreeMap;

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use crate::measures::record::Values;
use crate::measures::verdict::Direction;
use crate::report::axis;
use crate::report::command;
use crate::report::data::{CellData, Drawing, Group, ImageSet, Picture, StudyData};
use crate::report::eye::hashes;
use crate::report::finding::Judged;
use crate::report::membership::{condition_of, condition_title};
use crate::report::scores::{SCORES, Score};
use crate::report::style::picture::shown;
use crate::report::style::shot::{Of, photo_id};
use crate::report::{titles, words};
use crate::text::hides;

/// The name of the file in the report.
pub(crate) const FILE: &str = "cells.json";
/// Changes when a reader of the file must change.
const FORMAT: u32 = 1;

/// Whom the JSON is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Programs,
    Page,
}

#[derive(Serialize)]
struct Study<'d> {
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

/// A prompt; `shown` if signs in it hide something.
#[derive(Serialize)]
struct PromptJson<'d> {
    text: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<String>,
}

#[derive(Serialize)]
struct ImageJson<'d> {
    id: String,
    #[serde(flatten)]
    more: Option<ImageMore<'d>>,
    /// Index into `prompts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<usize>,
    file: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<&'d str>,
    /// Each of the study's `scores` with its floor.
    #[serde(rename = "score_pairs", skip_serializing_if = "Option::is_none")]
    pairs: Option<Vec<Option<(f64, Option<f64>)>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest_photo: Option<usize>,
}

/// What an image's name says, and what only programs want to know.
#[derive(Serialize)]
struct ImageMore<'d> {
    cell: Option<usize>,
    baseline: Option<usize>,
    group: &'static str,
    prompt_index: usize,
    prompt: &'d str,
    seed: u64,
    thumb: String,
    width: u32,
    height: u32,
    scores: &'d Values,
    command: Option<String>,
}

/// The content of `cells.json`.
pub(crate) fn file(judged: &Judged<'_>) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(&study(judged, For::Programs)).expect("plain data");
    bytes.push(b'\n');
    bytes
}

/// The block in the page. JSON in HTML must not end its element, and must not hide signs from who reads the source.
pub(crate) fn block(judged: &Judged<'_>) -> Markup {
    let text = serde_json::to_string(&study(judged, For::Page)).expect("plain data");
    html! { script type="application/json" id="study" { (PreEscaped(escaped(&text))) } }
}

/// The same JSON without signs that mean something to HTML, or that pages show by their numbers.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if matches!(c, '<' | '>' | '&') || c.is_control() || hides(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn study<'j>(judged: &'j Judged<'_>, reader: For) -> Study<'j> {
    let data = judged.data;
    let conditions = judged.conditions.iter().enumerate().map(|(index, _)| ConditionJson {
        title: condition_title(judged, index),
        cells: (0..data.cells.len()).filter(|c| condition_of(judged, &data.cells[*c]) == Some(index)).collect(),
    });
    let (prompts, images) = Images::of(data, reader);
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
        images,
    }
}

fn score(score: &Score) -> ScoreJson {
    let Score { measure: name, title, floor, ceiling } = *score;
    ScoreJson { name, title, better: score.better(), floor, ceiling }
}

fn cell<'j>(judged: &'j Judged<'_>, index: usize, cell: &'j CellData, reader: For) -> CellJson<'j> {
    let Drawing { model, model_is_path, sampler, steps, guidance_scale, lora_scale, .. } = &cell.drawing;
    let programs = reader == For::Programs;
    let ceiling = |score: &Score| score.measure()?.ceiling(cell.metrics.as_ref()?).map(|v| rounded(v, reader));
    // All images of a cell have one size.
    let size = cell.images.first().map_or((0, 0), |p| (p.width, p.height));
    CellJson {
        index,
        label: &cell.label,
        title: words::visible(&titles::full_title(judged.data, cell)),
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
            guidance_scale: *guidance_scale,
        },
        toml: &cell.toml,
        command: command::beginning(cell, true, size),
    }
}

fn baseline<'d>(data: &'d StudyData, set: &'d ImageSet) -> BaselineJson<'d> {
    let drawn = set.cells.first().and_then(|index| data.cells.get(*index)).zip(set.images.first());
    let command = drawn.and_then(|(cell, p)| command::beginning(cell, false, (p.width, p.height)));
    BaselineJson { label: words::visible(&set.label), cells: &set.cells, command }
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

/// The images while they are listed.
struct Images<'d> {
    data: &'d StudyData,
    hashes: BTreeMap<&'d str, &'d str>,
    reader: For,
    prompts: Vec<PromptJson<'d>>,
    known: BTreeMap<&'d str, usize>,
}

impl<'d> Images<'d> {
    /// Every image of a cell or of the base model, with the prompts that the page needs.
    fn of(data: &'d StudyData, reader: For) -> (Vec<PromptJson<'d>>, Vec<ImageJson<'d>>) {
        let mut list = Self { data, hashes: hashes(data), reader, prompts: Vec::new(), known: BTreeMap::new() };
        let of_cells =
            (data.cells.iter().enumerate()).flat_map(|(i, c)| c.images.iter().map(move |p| (Of::Cell(i), p)));
        let of_base =
            (data.baselines.iter().enumerate()).flat_map(|(i, s)| s.images.iter().map(move |p| (Of::Baseline(i), p)));
        let images = of_base.chain(of_cells).map(|(of, picture)| list.image(of, picture)).collect();
        (list.prompts, images)
    }

    fn image(&mut self, of: Of, picture: &'d Picture) -> ImageJson<'d> {
        let id = of.id(picture);
        let page = self.reader == For::Page;
        // Votes are about the study's prompts.
        let hash = self.hashes.get(picture.file.as_str()).copied().filter(|_| !page || picture.group == Group::Prompt);
        ImageJson {
            more: (!page).then(|| self.more(of, picture, &id)),
            text: page.then(|| self.prompt(&picture.prompt)),
            id,
            file: &picture.file,
            hash,
            pairs: page.then(|| self.pairs(picture)).filter(|pairs| pairs.iter().any(Option::is_some)),
            nearest_photo: picture.nearest_photo,
        }
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
            thumb: shown(&picture.file, picture.width),
            width: picture.width,
            height: picture.height,
            scores: &picture.values,
            command: beginning.map(|beginning| command::whole(&beginning, picture, id)),
        }
    }

    fn pairs(&self, picture: &Picture) -> Vec<Option<(f64, Option<f64>)>> {
        let pair = |score: &Score| {
            let measure = score.measure()?;
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

/// The page shows four digits.
fn rounded(value: f64, reader: For) -> f64 {
    match reader {
        For::Programs => value,
        For::Page => (value * 1e4).round() / 1e4,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;

    /// The fixture, as drawn by a command.
    fn data() -> StudyData {
        let mut data = fixture::two_axes();
        for cell in &mut data.cells {
            cell.toml = cell.assignments.iter().map(|s| format!("{} = {}\n", s.key, s.value)).collect();
            cell.drawing = Drawing {
                model: "owner/model".into(),
                dtype: "f32".into(),
                sampler: "ddim".into(),
                steps: 5,
                guidance_scale: 7.5,
                lora_scale: 1.0,
                ..Drawing::default()
            };
        }
        data
    }

    fn page(data: &StudyData) -> Value {
        let block = block(&judged(data)).into_string();
        let json = block.strip_prefix("<script type=\"application/json\" id=\"study\">").expect("begins");
        let json = json.strip_suffix("</script>").expect("ends");
        assert!(!json.contains(['<', '>', '&', '\u{202e}', '\u{7f}']), "{json}");
        serde_json::from_str(json).expect("is JSON")
    }

    #[test]
    fn every_image_is_listed_with_what_draws_it_again() {
        let data = data();
        let json: Value = serde_json::from_slice(&file(&judged(&data))).expect("is JSON");
        let images = json["images"].as_array().expect("a list");
        let all = data.cells.iter().map(|c| &c.images).chain(data.baselines.iter().map(|s| &s.images));
        assert_eq!(images.len(), all.map(Vec::len).sum::<usize>());
        let ids: BTreeSet<&str> = images.iter().filter_map(|image| image["id"].as_str()).collect();
        assert_eq!(ids.len(), images.len(), "no two have one name");
        let of = |id: &str| images.iter().find(|image| image["id"] == id).expect("is there");
        let own = of("c1-p1-s0");
        assert_eq!((own["cell"].as_u64(), own["group"].as_str()), (Some(1), Some("prompt")));
        assert_eq!(own["prompt"], "a aawxbc figurine in the forest, holding a cup");
        assert!(own["scores"]["nearest_similarity"].is_number() && own["nearest_photo"].is_number());
        let command = own["command"].as_str().expect("a command");
        let beginning = json["cells"][1]["command"].as_str().expect("its beginning");
        assert!(command.starts_with(beginning) && command.contains("--seed=0 --output=c1-p1-s0.png"), "{command}");
        assert!(!of("b0-p1-s0")["command"].as_str().expect("a command").contains("--lora"));
        assert_eq!(json["cells"][1]["settings"]["train.rank"], "16");
        assert_eq!(json["cells"][1]["toml"], "dataset.size = 2\ntrain.rank = 16\n");
        let conditions: Vec<u64> = (0..4).filter_map(|i| json["conditions"][i]["cells"][0].as_u64()).collect();
        assert_eq!(conditions, [0, 1, 2, 3]);
        assert_eq!(json["photos"][7]["held_out"], true);
    }

    #[test]
    fn the_page_has_what_its_scripts_need_and_no_more() {
        let data = data();
        let json = page(&data);
        let image = json["images"].as_array().and_then(|all| all.iter().find(|i| i["id"] == "c1-p1-s0")).expect("one");
        let index = image["text"].as_u64().expect("a prompt") as usize;
        assert_eq!(json["prompts"][index]["text"], "a aawxbc figurine in the forest, holding a cup");
        let pair = &image["score_pairs"][2];
        assert!(pair[0].is_number() && pair[1].is_number(), "{image}");
        assert_eq!(json["scores"][2]["name"], "nearest_similarity");
        assert!(json["cells"][1]["ceilings"][2].is_number());
        assert!(image["prompt"].is_null() && json["cells"][1]["scores"].is_null());
        assert!(block(&judged(&data)).into_string().len() * 2 < file(&judged(&data)).len());
    }

    #[test]
    fn texts_of_the_user_cannot_end_the_block_and_come_back_as_they_were() {
        let evil = "</script><script>alert(1)</script>&amp;\"'\u{202e}\u{7f}שלום";
        let mut data = data();
        data.title = evil.into();
        data.photos[0].name = evil.into();
        data.cells[0].label = evil.into();
        data.cells[0].images[0].prompt = evil.into();
        let json = page(&data);
        let shown = words::visible(evil);
        assert_eq!(json["study"]["title"], shown.as_str());
        assert_eq!(json["photos"][0]["name"], shown.as_str());
        assert_eq!(json["cells"][0]["label"], evil);
        let prompt =
            json["prompts"].as_array().and_then(|all| all.iter().find(|p| p["text"] == evil)).expect("is there");
        assert_eq!(prompt["shown"], shown.as_str());
    }
}
