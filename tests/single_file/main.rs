//! Single-file checkpoints: LDM key names against diffusers' converters (`tests/golden/single_file/make.py`).

#![allow(clippy::print_stdout)] // the measured distances, with --nocapture

#[path = "../common/psnr.rs"]
mod psnr;
#[path = "../common/sdxl.rs"]
mod sdxl;

mod headers;
mod kinds;
mod whole;

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use runner::choice::{Guidance, PromptOptions, Sampler, Sampling};
use runner::models::LoraSet;
use runner::models::families::Family;
use runner::models::single_file::{self, Architecture};
use runner::models::{Elsewhere, Parts};
use runner::pipeline::{ImageRequest, generate};
use runner::sampling::noise::TorchRng;
use runner::sampling::process::Process;
use runner::sampling::schedule::PredictionType;
use runner::tensors::{LoadError, tensor_file};
use tempfile::TempDir;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The value of a `.json.z`: JSON in zlib's compression.
fn json<T: for<'a> serde::Deserialize<'a>>(name: &str) -> T {
    let file = golden("single_file").join(format!("{name}.json.z"));
    let text = fdeflate::decompress_to_vec(&std::fs::read(file).unwrap()).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn copy_tokenizer(to: &Path, name: &str, from: &Path) {
    std::fs::create_dir(to.join(name)).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(name).join(entry.file_name())).unwrap();
    }
}

/// Tensors of all safetensors files of a folder.
fn tensors(folder: &Path) -> BTreeMap<String, Tensor> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "safetensors") {
            all.extend(candle_core::safetensors::load(path, &Device::Cpu).unwrap());
        }
    }
    all
}

/// LDM name → part, diffusers names to stack, shape.
type Table = BTreeMap<String, (String, Vec<String>, Shape)>;

/// What becomes of the tensors of a diffusers folder.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Shape {
    /// They get that shape.
    Of(Vec<usize>),
    /// `transposed`
    Word(String),
}

/// The tiny models, each in its folder.
struct Tiny(TempDir);

impl Tiny {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if name == "sdxl" {
            sdxl::write(folder.path());
        } else {
            copy_folder(&golden("models").join(name), folder.path());
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The tensors of a tiny model in `folder` under LDM's names.
fn checkpoint(name: &str, folder: &Path) -> BTreeMap<String, Tensor> {
    let parts = ["unet", "vae", "text_encoder", "text_encoder_2"].into_iter().filter(|part| folder.join(part).is_dir());
    let parts: BTreeMap<&str, _> = parts.map(|part| (part, tensors(&folder.join(part)))).collect();
    let mut tables: BTreeMap<String, Table> = json("tiny");
    let whole = |(ldm, (part, names, shape)): (String, (String, Vec<String>, Shape))| {
        let pieces: Vec<&Tensor> = names.iter().map(|name| &parts[part.as_str()][name]).collect();
        let whole = Tensor::cat(&pieces, 0).unwrap();
        let whole = match shape {
            Shape::Of(shape) => whole.reshape(shape),
            Shape::Word(word) => {
                assert_eq!(word, "transposed");
                whole.t().and_then(|transposed| transposed.contiguous())
            }
        };
        (ldm, whole.unwrap())
    };
    tables.remove(name).unwrap().into_iter().map(whole).collect()
}

/// A checkpoint of a tiny model, with its vocabulary beside it.
struct InOneFile<'a> {
    dir: TempDir,
    model: &'a Tiny,
    family: Family,
}

impl<'a> InOneFile<'a> {
    fn new(model: &'a Tiny, family: Family, checkpoint: &BTreeMap<String, Tensor>) -> Self {
        let metadata = match family {
            Family::Sd1 | Family::Sdxl => BTreeMap::new(),
            Family::Sd2 => BTreeMap::from([
                ("modelspec.prediction_type".to_owned(), "v".to_owned()),
                ("modelspec.title".to_owned(), "Tiny".to_owned()),
            ]),
        };
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("model.safetensors"), tensor_file::write(checkpoint, &metadata).unwrap())
            .unwrap();
        for name in ["tokenizer", "tokenizer_2"].into_iter().filter(|name| model.path().join(name).is_dir()) {
            copy_tokenizer(dir.path(), name, &model.path().join(name));
        }
        Self { dir, model, family }
    }

    fn open(&self, elsewhere: &Elsewhere<'_>) -> Result<Parts, LoadError> {
        let networks = Parts::open(self.model.path()).unwrap().parts.into_iter().map(|part| part.network).collect();
        let architecture = Architecture { family: self.family, networks };
        single_file::open_as(&self.dir.path().join("model.safetensors"), &architecture, elsewhere)
    }
}

/// Condition, prediction, decoded and encoded image of a model.
fn run(parts: Parts) -> [Vec<f32>; 4] {
    let model = parts.load(&Device::Cpu, DType::F32).unwrap();
    let mut rng = TorchRng::new(5);
    let latents = rng.randn_tensor(&[1, 4, 8, 8]).unwrap();
    let image = rng.randn_tensor(&[1, 3, 16, 16]).unwrap();
    let mut condition = model.encode_prompt("a photo of the red house", &LoraSet::empty()).unwrap();
    if condition.pooled.is_some() {
        condition.sizes = Some(Tensor::from_vec(vec![128f32, 96., 0., 8., 64., 64.], (1, 6), &Device::Cpu).unwrap());
    }
    let noise = model.denoiser.forward(&latents, &[401.0], &condition, &LoraSet::empty()).unwrap();
    let decoded = model.vae.get().unwrap().decode(&latents).unwrap();
    let encoded = model.vae.get().unwrap().encode(&image).unwrap().0;
    let context = Tensor::cat(
        &[Some(condition.tokens.flatten_all().unwrap()), condition.pooled.map(|p| p.flatten_all().unwrap())]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>(),
        0,
    )
    .unwrap();
    [context, noise, decoded, encoded].map(|t| t.flatten_all().unwrap().to_vec1().unwrap())
}

fn same(name: &str, family: Family) {
    let model = Tiny::new(name);
    let mut checkpoint = checkpoint(name, model.path());
    // what real files have besides
    let stray = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let of_open_clip: &[&str] = match family {
        Family::Sd1 => &[],
        Family::Sd2 => &["model.text_projection", "model.logit_scale", "model.attn_mask"],
        Family::Sdxl => &["conditioner.embedders.1.model.logit_scale", "conditioner.embedders.1.model.attn_mask"],
    };
    for name in STRAY {
        checkpoint.insert(name.to_owned(), stray.clone());
    }
    for name in of_open_clip {
        let name = if name.starts_with("model.") { format!("cond_stage_model.{name}") } else { (*name).to_owned() };
        checkpoint.insert(name, stray.clone());
    }
    let file = InOneFile::new(&model, family, &checkpoint);
    let single = file.open(&Elsewhere::default()).unwrap();
    let expected = Parts::open(model.path()).unwrap();
    assert!(single.process == expected.process, "the schedules differ");
    assert_eq!(single.prompts, expected.prompts);
    assert_eq!(single.warnings, [""; 0], "what real files have is not worth a word");
    assert_eq!(run(single), run(expected.clone()), "{name}");
    // diffusers' script for Stable Diffusion XL leaves the projection as it is in a folder.
    if let Some(projection) = checkpoint.remove("conditioner.embedders.1.model.text_projection") {
        let turned = projection.t().unwrap().contiguous().unwrap();
        checkpoint.insert("conditioner.embedders.1.model.text_projection.weight".to_owned(), turned);
        let file = InOneFile::new(&model, family, &checkpoint);
        assert_eq!(run(file.open(&Elsewhere::default()).unwrap()), run(expected));
    }
}

/// Tensors that real files have and no network takes.
const STRAY: [&str; 8] = [
    "model_ema.decay",
    "model_ema.num_updates",
    "betas",
    "alphas_cumprod",
    "first_stage_model.loss.logvar",
    "denoiser.sigmas",
    "optimizer_states.0.state.0.exp_avg",
    "global_step",
];

#[test]
fn sd1_checkpoint_equals_its_folder() {
    same("sd1", Family::Sd1);
}

#[test]
fn sd2_checkpoint_equals_its_folder() {
    same("sd2", Family::Sd2);
}

#[test]
fn sdxl_checkpoint_equals_its_folder() {
    same("sdxl", Family::Sdxl);
}

/// A file of zeros with the header of a real checkpoint, f16; takes no space on disk.
fn hollow(file: &Path, shapes: &BTreeMap<String, Vec<usize>>, fill: Option<(&str, [u8; 4])>) {
    let mut header = serde_json::Map::new();
    let (mut end, mut place) = (0usize, None);
    for (name, shape) in shapes {
        let start = end;
        end += 2 * shape.iter().product::<usize>();
        if fill.is_some_and(|(wanted, _)| wanted == name) {
            place = Some((start, end));
        }
        header.insert(name.clone(), serde_json::json!({"dtype": "F16", "shape": shape, "data_offsets": [start, end]}));
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut out = std::fs::File::create(file).unwrap();
    out.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    out.write_all(&header).unwrap();
    let data = 8 + header.len() as u64;
    out.set_len(data + end as u64).unwrap();
    if let (Some((start, end)), Some((_, pattern))) = (place, fill) {
        out.seek(SeekFrom::Start(data + start as u64)).unwrap();
        out.write_all(&pattern.repeat((end - start) / 4)).unwrap();
    }
}
