//! Single-file checkpoints: LDM key names against diffusers' converters (`tests/golden/single_file/make.py`).

#![allow(clippy::print_stdout)] // the measured distances, with --nocapture

#[path = "common/psnr.rs"]
mod psnr;
#[path = "common/sdxl.rs"]
mod sdxl;

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

/// The same file, read here and by diffusers' `from_single_file` (`tests/golden/single_file/whole.py`).
#[test]
fn a_file_is_what_from_single_file_makes_of_it() {
    let golden = candle_core::safetensors::load(golden("single_file/whole.safetensors"), &Device::Cpu).unwrap();
    for (name, family) in [("sd1", Family::Sd1), ("sd2", Family::Sd2), ("sdxl", Family::Sdxl)] {
        let model = Tiny::new(name);
        let mut whole = checkpoint(name, model.path());
        for stray in STRAY {
            whole.insert(stray.to_owned(), Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap());
        }
        let file = InOneFile::new(&model, family, &whole);
        let parts = file.open(&Elsewhere::default()).unwrap();
        for (what, values) in ["context", "noise", "decoded", "encoded"].into_iter().zip(run(parts.clone())) {
            let expected = golden[&format!("{name}.{what}")].to_vec1::<f32>().unwrap();
            assert_eq!(values.len(), expected.len(), "{name} {what}");
            let largest =
                |values: &mut dyn Iterator<Item = f32>| values.fold(0f32, |most, value| most.max(value.abs()));
            let error = largest(&mut values.iter().zip(&expected).map(|(a, b)| a - b));
            let error = error / largest(&mut expected.iter().copied());
            println!("{name:4} {what:7} {error:.1e}");
            assert!(error < 1e-5, "{name} {what}: {error:.1e}");
        }
        let request = ImageRequest {
            prompt: "a photo of the red house",
            negative_prompt: "water",
            seeds: &[7],
            width: 32,
            height: 24,
            sampling: Sampling::new(Sampler::Ddim, 6),
            reading: PromptOptions::default(),
            guidance: Guidance::new(5.0),
            batch_size: 1,
        };
        let model = parts.load(&Device::Cpu, DType::F32).unwrap();
        let images = generate(&model, &request, &LoraSet::empty(), &mut |_, _| ControlFlow::Continue(())).unwrap();
        let expected = golden[&format!("{name}.image")].flatten_all().unwrap().to_vec1::<u8>().unwrap();
        let db = psnr::psnr(images[0].as_raw(), &expected);
        println!("{name:4} image   {db:.1} dB");
        assert!(db >= 45.0, "{name}: {db:.1} dB");
    }
}

/// LDM's name of an EMA weight: without dots.
fn averaged(name: &str) -> Option<String> {
    let name = name.strip_prefix("model.")?.strip_prefix("diffusion_model.")?;
    Some(format!("model_ema.diffusion_model{}", name.replace('.', "")))
}

#[test]
fn ema_weights_are_used_where_they_are_the_only_ones() {
    for (name, family) in [("sd1", Family::Sd1), ("sd2", Family::Sd2), ("sdxl", Family::Sdxl)] {
        let model = Tiny::new(name);
        let whole = checkpoint(name, model.path());
        let expected = run(Parts::open(model.path()).unwrap());
        // Beside the others they are not used: here they are wrong.
        let wrong = whole.iter().filter_map(|(name, tensor)| Some((averaged(name)?, (tensor * 2.0).unwrap())));
        let beside: BTreeMap<String, Tensor> = whole.clone().into_iter().chain(wrong).collect();
        let parts = InOneFile::new(&model, family, &beside).open(&Elsewhere::default()).unwrap();
        assert!(
            parts.about().contains("with EMA weights of the UNet beside the others, which are used"),
            "{}",
            parts.about()
        );
        let only: BTreeMap<String, Tensor> =
            whole.into_iter().map(|(name, tensor)| (averaged(&name).unwrap_or(name), tensor)).collect();
        assert_eq!(only.keys().filter(|name| name.starts_with("model.")).count(), 0);
        let file = InOneFile::new(&model, family, &only);
        let parts = file.open(&Elsewhere::default()).unwrap();
        assert!(parts.about().contains("with the EMA weights of the UNet only"), "{}", parts.about());
        assert_eq!(run(parts), expected);
    }
}

/// The names of every real UNet keep their meaning without dots.
#[test]
fn ema_names_of_real_models_are_understood() {
    let headers: BTreeMap<String, BTreeMap<String, Vec<usize>>> = json("real");
    let dir = tempfile::tempdir().unwrap();
    copy_tokenizer(dir.path(), "tokenizer", &golden("models/sd1/tokenizer"));
    copy_tokenizer(dir.path(), "tokenizer_2", &golden("models/sd2/tokenizer"));
    for (name, unet) in [("sd1", 859_520_964), ("sd2", 865_910_724), ("sdxl", 2_567_463_684)] {
        let file = dir.path().join("ema.safetensors");
        let renamed =
            headers[name].iter().map(|(name, shape)| (averaged(name).unwrap_or_else(|| name.clone()), shape.clone()));
        hollow(&file, &renamed.collect(), None);
        let summary = Parts::open(&file).and_then(|parts| parts.check());
        // The family is told by the UNet, whatever its names.
        assert_eq!(summary.unwrap().part_parameters[0], ("unet", unet));
    }
}

#[test]
fn a_model_is_told_in_one_line() {
    let model = Tiny::new("sd2");
    let whole = checkpoint("sd2", model.path());
    let file = InOneFile::new(&model, Family::Sd2, &whole);
    let line = file.open(&Elsewhere::default()).unwrap().about();
    assert_eq!(line, "Stable Diffusion 2.x in one file, fp16, predicts v, called \"Tiny\"");
    let folder = Parts::open(model.path()).unwrap().about();
    assert!(folder == "a model of its own sizes in a diffusers folder, fp16, predicts v", "{folder}");
    let unknown = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let mut more = whole.clone();
    for name in ["my.thing", "my.other", "one", "two"] {
        more.insert(name.to_owned(), unknown.clone());
    }
    let warnings = InOneFile::new(&model, Family::Sd2, &more).open(&Elsewhere::default()).unwrap().warnings;
    assert_eq!(warnings, ["model.safetensors has 4 tensors that are not used here: `my.other`, `my.thing`, `one`, …."]);
}

/// Parts of different types, and what their configurations say of it, change no result.
#[test]
fn parts_may_have_different_types() {
    let model = Tiny::new("sd1");
    let expected = Parts::open(model.path()).unwrap();
    let vae = model.path().join("vae");
    let wide = tensors(&vae).into_iter().map(|(name, tensor)| (name, tensor.to_dtype(DType::F32).unwrap()));
    let wide: BTreeMap<String, Tensor> = wide.collect();
    std::fs::remove_file(vae.join("diffusion_pytorch_model.safetensors")).unwrap();
    // It is found under the name of a variant, too.
    let file = vae.join("diffusion_pytorch_model.fp16.safetensors");
    std::fs::write(file, tensor_file::write(&wide, &BTreeMap::new()).unwrap()).unwrap();
    for part in ["vae", "unet", "text_encoder"] {
        let config = model.path().join(part).join("config.json");
        let mut text: serde_json::Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
        text["torch_dtype"] = "float16".into();
        std::fs::write(config, text.to_string()).unwrap();
    }
    let mixed = Parts::open(model.path()).unwrap();
    assert!(mixed.about().ends_with("unet fp16, vae fp32, text encoder fp16"), "{}", mixed.about());
    assert_eq!(mixed.warnings, expected.warnings);
    // Nothing is read before it is used.
    let expected = run(Parts::open(&golden("models/sd1")).unwrap());
    assert_eq!(run(mixed), expected);
}

#[test]
fn a_marker_tells_of_training_up_to_pure_noise() {
    let model = Tiny::new("sd2");
    let mut tensors = checkpoint("sd2", model.path());
    tensors.insert("ztsnr".to_owned(), Tensor::zeros(0, DType::F32, &Device::Cpu).unwrap());
    let parts = InOneFile::new(&model, Family::Sd2, &tensors).open(&Elsewhere::default()).unwrap();
    let Process::Ddpm(schedule) = &parts.process;
    assert_eq!(schedule.alphas_cumprod.last(), Some(&0.0));
    assert_eq!(schedule.prediction_type, PredictionType::VPrediction);
}

#[test]
fn what_a_file_lacks_is_said_and_can_come_from_elsewhere() {
    let model = Tiny::new("sd1");
    let whole = checkpoint("sd1", model.path());
    let without = |beginning: &str| -> BTreeMap<String, Tensor> {
        whole.iter().filter(|(name, _)| !name.starts_with(beginning)).map(|(n, t)| (n.clone(), t.clone())).collect()
    };
    let folder = golden("models/sd1");
    let expected = run(Parts::open(&folder).unwrap());

    let no_vae = InOneFile::new(&model, Family::Sd1, &without("first_stage_model."));
    let error = no_vae.open(&Elsewhere::default()).unwrap_err().to_string();
    for part in ["it has no VAE", "`model.vae`", "--vae", "stabilityai/sd-vae-ft-mse", "Stable Diffusion 1.x"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let no_text = InOneFile::new(&model, Family::Sd1, &without("cond_stage_model."));
    let error = no_text.open(&Elsewhere::default()).unwrap_err().to_string();
    assert!(error.contains("it has no text encoder") && error.contains("`model.text_encoders`"), "{error}");

    // The VAE: the folder of a model, its own folder, and a file with the names of a checkpoint, LDM or diffusers.
    let vae: BTreeMap<String, Tensor> = whole
        .iter()
        .filter(|(name, _)| name.starts_with("first_stage_model."))
        .map(|(n, t)| (n.clone(), t.clone()))
        .collect();
    let bare = |name: &String| name.trim_start_matches("first_stage_model.").to_owned();
    let mut ldm: BTreeMap<String, Tensor> = vae.iter().map(|(name, tensor)| (bare(name), tensor.clone())).collect();
    ldm.insert("loss.discriminator.main.0.weight".to_owned(), Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap());
    ldm.insert("model_ema.decay".to_owned(), Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap());
    let files = [("a", &vae), ("b", &ldm), ("c", &tensors(&folder.join("vae")))];
    let files = files.map(|(name, tensors)| {
        let file = no_vae.dir.path().join(format!("{name}.safetensors"));
        std::fs::write(&file, tensor_file::write(tensors, &BTreeMap::new()).unwrap()).unwrap();
        file
    });
    for path in [folder.clone(), folder.join("vae")].iter().chain(&files) {
        let parts = no_vae.open(&Elsewhere { vae: Some(path), ..Elsewhere::default() }).unwrap();
        let line = parts.about();
        assert!(line.contains("with the VAE of ") && line.contains(&*path.to_string_lossy()), "{line}");
        assert_eq!(run(parts), expected, "{}", path.display());
    }
    let error = Elsewhere { vae: Some(&files[0]), ..Elsewhere::default() };
    let error = Parts::open_with(&files[1], &error).unwrap_err().to_string();
    assert!(error.contains("it is a VAE alone") && error.contains("`model.vae`"), "{error}");

    // A folder's VAE is replaced, too, and its configuration counts in place of the model's.
    let other = golden("models/sd2");
    let parts = Parts::open_with(&folder, &Elsewhere { vae: Some(&other), ..Elsewhere::default() }).unwrap();
    let [_, _, decoded, _] = run(parts.clone());
    assert!(
        decoded != expected[2]
            && parts.texts["vae/config.json"] != Parts::open(&folder).unwrap().texts["vae/config.json"]
    );

    let parts = no_text.open(&Elsewhere { text_encoders: Some(&folder), ..Elsewhere::default() }).unwrap();
    assert!(parts.about().contains("with the text encoder of "), "{}", parts.about());
    assert_eq!(run(parts), expected);
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

#[cfg(unix)]
#[test]
fn real_headers_are_understood() {
    const TELLING: &str = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias";
    // 0.2 and −0.2 in f16
    const SPREAD: [u8; 4] = [0x66, 0x32, 0x66, 0xb2];
    let headers: BTreeMap<String, BTreeMap<String, Vec<usize>>> = json("real");
    let dir = tempfile::tempdir().unwrap();
    copy_tokenizer(dir.path(), "tokenizer", &golden("models/sd1/tokenizer"));
    for (name, spread, prediction, unet, text) in [
        ("sd1", false, PredictionType::Epsilon, 859_520_964, 123_060_480),
        ("sd2", false, PredictionType::Epsilon, 865_910_724, 340_387_840),
        ("sd2", true, PredictionType::VPrediction, 865_910_724, 340_387_840),
    ] {
        let file = dir.path().join(format!("{name}_{spread}.safetensors"));
        hollow(&file, &headers[name], spread.then_some((TELLING, SPREAD)));
        let parts = Parts::open(&file).unwrap();
        let line = match (name, spread) {
            ("sd1", _) => "Stable Diffusion 1.x in one file, fp16",
            (_, false) => "Stable Diffusion 2.x in one file, fp16",
            (_, true) => "Stable Diffusion 2.x in one file, fp16, predicts v",
        };
        assert_eq!(parts.about(), line);
        let summary = parts.check().unwrap();
        assert_eq!(summary.prediction_type, prediction, "{name}");
        assert_eq!(summary.native_size, if spread { 768 } else { 512 });
        assert_eq!(summary.part_parameters, [("unet", unet), ("vae", 83_653_863), ("text_encoder", text)]);
        let layers = summary.adaptable_layers.iter().map(|layer| layer.name.as_str());
        let (in_text, in_unet): (Vec<_>, Vec<_>) = layers.partition(|name| name.starts_with("text_encoder."));
        // As many as sd-scripts finds: 128 of attentions, 32 behind them, 32 around the transformers; with its
        // `conv_dim` 278. Four more lie before and behind the blocks.
        assert_eq!(in_unet.iter().filter(|name| name.contains(".attentions.")).count(), 192);
        assert_eq!(in_unet.len(), 278 + 4);
        assert_eq!(in_text.len(), if name == "sd1" { 72 } else { 138 });
    }
    copy_tokenizer(dir.path(), "tokenizer_2", &golden("models/sd2/tokenizer"));
    let file = dir.path().join("xl.safetensors");
    hollow(&file, &headers["sdxl"], None);
    let parts = Parts::open(&file).unwrap();
    assert_eq!(parts.about(), "Stable Diffusion XL in one file, fp16");
    assert_eq!(parts.warnings, [""; 0]);
    let summary = parts.check().unwrap();
    assert_eq!((summary.native_size, headers["sdxl"].len()), (1024, 2516));
    let texts = [("text_encoder", 123_060_480), ("text_encoder_2", 694_659_840)];
    assert_eq!(summary.part_parameters[..2], [("unet", 2_567_463_684), ("vae", 83_653_863)]);
    assert_eq!(summary.part_parameters[2..], texts);
}

/// Token ids of a prompt.
#[derive(serde::Deserialize)]
struct Ids {
    prompt: String,
    /// By OpenAI's own tokenizer.
    openai: Vec<u32>,
    /// By that of transformers, filled up with the token 0.
    #[serde(rename = "!")]
    zeros: Vec<u32>,
}

#[cfg(unix)]
#[test]
fn a_file_alone_has_the_vocabulary_of_clip() {
    let headers: BTreeMap<String, BTreeMap<String, Vec<usize>>> = json("real");
    let expected: Vec<Ids> =
        serde_json::from_slice(&std::fs::read(golden("single_file/vocabulary.json")).unwrap()).unwrap();
    assert!(expected.len() > 10);
    let dir = tempfile::tempdir().unwrap();
    for (name, fills) in [("sd1", &["openai"][..]), ("sd2", &["!"]), ("sdxl", &["openai", "!"])] {
        let file = dir.path().join(format!("{name}.safetensors"));
        hollow(&file, &headers[name], None);
        let parts = Parts::open(&file).unwrap();
        parts.check().unwrap();
        let tokenizers = parts.parts.iter().filter_map(|part| part.tokenizer.as_ref());
        assert_eq!(tokenizers.clone().count(), fills.len());
        for (tokenizer, fill) in tokenizers.zip(fills) {
            for Ids { prompt, openai, zeros } in &expected {
                let wanted = if *fill == "!" { zeros } else { openai };
                assert_eq!(tokenizer.encode(prompt), *wanted, "{name} {fill} {prompt:?}");
            }
        }
        // What the model's hash is made of has the vocabulary, too.
        let texts: Vec<&str> = parts.texts.keys().map(String::as_str).collect();
        assert!(texts.contains(&"tokenizer/merges.txt") && texts.contains(&"tokenizer/vocab.json"), "{texts:?}");
        assert_eq!(texts.contains(&"tokenizer_2/vocab.json"), name == "sdxl");
    }
}

#[test]
fn other_files_are_refused_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let input = "model.diffusion_model.input_blocks.0.0.weight";
    let context = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
    let refused = |name: &str, shapes: &[(&str, &[usize])]| {
        let file = dir.path().join(name);
        let shapes = shapes.iter().map(|(name, shape)| ((*name).to_owned(), shape.to_vec())).collect();
        hollow(&file, &shapes, None);
        Parts::open(&file).and_then(|parts| parts.check()).unwrap_err().to_string()
    };
    let unet = |name: &str| format!("model.diffusion_model.{name}");
    let flux = unet("double_blocks.0.img_attn.qkv.weight");
    let sd3 = unet("joint_blocks.0.context_block.attn.qkv.weight");
    let video = unet("input_blocks.1.0.time_stack.in_layers.0.weight");
    let image = unet("noise_refiner.0.attention.qkv.weight");
    for (name, shapes, advice) in [
        ("a.ckpt", &[(input, &[4usize, 4, 3, 3][..])][..], "weights_only=True"),
        ("b.safetensors", &[("lora_unet_x.lora_up.weight", &[4, 4])], "this is a LoRA file"),
        (
            "c.safetensors",
            &[("conditioner.embedders.0.model.transformer.x", &[4]), (input, &[384, 4, 3, 3])],
            "refiner",
        ),
        ("d.safetensors", &[("conv_in.weight", &[4])], "model_index.json"),
        ("e.safetensors", &[(input, &[320, 9, 3, 3])], "an inpainting model"),
        ("e5.safetensors", &[(input, &[320, 5, 3, 3])], "a depth-to-image model"),
        ("e7.safetensors", &[(input, &[320, 7, 3, 3])], "an upscaler"),
        ("e8.safetensors", &[(input, &[320, 8, 3, 3])], "InstructPix2Pix"),
        ("f.safetensors", &[(input, &[320, 4, 3, 3]), (context, &[320, 512])], "of width 512"),
        ("f2.safetensors", &[(input, &[384, 4, 3, 3]), (context, &[384, 1280])], "refiner"),
        ("g1.safetensors", &[(flux.as_str(), &[4])], "FLUX.1"),
        ("g2.safetensors", &[("double_blocks.0.img_attn.qkv.weight", &[4])], "FLUX.1"),
        ("g3.safetensors", &[(sd3.as_str(), &[4])], "Stable Diffusion 3"),
        ("g4.safetensors", &[(video.as_str(), &[4]), (input, &[320, 8, 3, 3])], "a video model"),
        ("g5.safetensors", &[(image.as_str(), &[4])], "Z-Image"),
        ("g6.safetensors", &[("cap_embedder.0.weight", &[4])], "Z-Image"),
        ("g7.safetensors", &[("control_model.input_hint_block.0.weight", &[4])], "ControlNet"),
        ("g8.safetensors", &[("emb_params", &[1, 768])], "textual inversion"),
        ("g9.safetensors", &[("text_model.final_layer_norm.weight", &[4])], "text encoder alone"),
        ("g10.safetensors", &[("down_blocks.0.resnets.0.conv1.weight", &[4])], "name the folder"),
        ("g11.safetensors", &[("input_blocks.0.0.weight", &[320, 4, 3, 3])], "a UNet alone"),
    ] {
        let text = refused(name, shapes);
        assert!(text.contains(advice) && text.contains(name), "{text}");
    }
    for (name, bytes) in [("zip", &b"PK\x03\x04\0\0\x08\x08archive/data.pkl"[..]), ("pickle", b"\x80\x02}q\x00X\x0a")] {
        let file = dir.path().join(format!("{name}.safetensors"));
        std::fs::write(&file, bytes).unwrap();
        let text = Parts::open(&file).unwrap_err().to_string();
        assert!(text.contains("a pickle") || text.contains("Python pickle"), "{text}");
        assert!(
            text.contains("weights_only=True") && text.contains(&format!("{name}.converted.safetensors")),
            "{text}"
        );
    }
    // sizes of a real model, whose vocabulary is CLIP's
    let [vae, text] = ["first_stage_model.x", "cond_stage_model.transformer.x"];
    let whole: [(&str, &[usize]); 4] = [(input, &[320, 4, 3, 3]), (context, &[320, 768]), (vae, &[1]), (text, &[1])];
    let text = refused("g.safetensors", &whole);
    assert!(text.contains("missing (") && text.contains("conv_in.bias"), "{text}");
}
