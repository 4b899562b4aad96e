//! `runner generate`: a few images from a model and, if wanted, adapters.

use super::{
    arguments::OutputArgs,
    exit::{Exit, Failure, OrExit},
    image_file::{self, Recipe},
    image_output::{ImageOutput, may_make_folder},
    output::{emit, emit_json, may_write, warn, write_new},
    signals,
};
use crate::adapter::file;
use crate::choice::{Choice, ModelId};
use crate::event::{Event, Observer};
use crate::experiment::{
    GUIDANCE_SCALES, LORA_SCALES,
    settings::{self, Base, Dtype},
};
use crate::hashing::HashCache;
use crate::models::AdaptableLayer;
use crate::models::LoraSet;
use crate::pipeline::{self, ImageRequest};
use crate::plan::too_long;
use crate::sampling::samplers::Sampler;
use crate::stage::Stage;
use crate::term::Terminal;
use crate::worker::{BaseModel, device};
use candle_core::Device;
use clap::{
    Args,
    builder::{PathBufValueParser, TypedValueParser as _},
};
use serde_json::json;
use std::{
    num::NonZeroUsize,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

/// Make a few images with a base model and, if wanted, adapters
///
/// Image number i is made with seed + i, and is the same whether it is made alone or with others. On the CPU the same
/// command gives the same bytes on every run.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  runner generate --model experiments/models/toyworld --prompt 'a red ball' --output ball.png\n  \
        runner generate --model runwayml/stable-diffusion-v1-5 --lora pytorch_lora_weights.safetensors:0.8 \\\n      \
        --prompt 'a aawxbc figurine on the beach' --seed 7 --count 4 --output images/\n\n\
        Result: PNG files with the parameters inside (text chunk `parameters`); their paths are printed."
)]
pub(super) struct GenerateArgs {
    /// A diffusers folder, a .safetensors checkpoint or a Hub id (owner/name or owner/name@revision)
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// What the images should show
    #[arg(long, value_name = "TEXT")]
    prompt: String,
    /// What they should not show
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    negative_prompt: String,
    /// An adapter in a diffusers, peft or kohya format, and how strong; repeat to combine
    #[arg(long, value_name = "FILE[:SCALE]", value_parser = parse_lora)]
    lora: Vec<LoraArg>,
    /// Seed of the first image, as for torch.Generator("cpu")
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Sampler steps
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=1000))]
    steps: u16,
    /// How much the prompt counts; 1 switches guidance off and is twice as fast
    #[arg(long, value_name = "SCALE", default_value_t = 7.5, value_parser = parse_guidance)]
    guidance_scale: f64,
    /// ddim, pndm, euler, euler-a, dpm++2m, dpm++2m-karras, unipc or heun
    #[arg(long, default_value = "dpm++2m", value_parser = parse_sampler)]
    sampler: settings::Sampler,
    /// Pixels; what the model was trained on if not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(8..=8192))]
    width: Option<u32>,
    /// Pixels; what the model was trained on if not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(8..=8192))]
    height: Option<u32>,
    /// How many images
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
    /// A .png file (with --count: name-SEED.png), or a folder (then SEED.png)
    #[arg(long, short, value_name = "PATH", default_value = "image.png", value_parser = PathBufValueParser::new().try_map(ImageOutput::parse))]
    output: ImageOutput,
    /// Replace images that exist
    #[arg(long)]
    force: bool,
    /// auto, cpu, cuda, cuda:1 or metal
    #[arg(long, default_value = "auto", value_parser = parse_device)]
    device: settings::Device,
    /// How the model's weights are stored: f32, bf16 or f16
    #[arg(long, default_value = "f32", value_parser = parse_dtype)]
    dtype: Dtype,
    /// On a CPU: convolutions take less room and more time
    #[arg(long)]
    low_memory: bool,
    /// Images per model call, small ones on a CPU more; changes speed and memory only
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    batch_size: NonZeroUsize,
    /// Never use the network
    #[arg(long)]
    offline: bool,
    /// CPU threads; all cores if not given
    #[arg(long, short, value_name = "N")]
    pub(super) jobs: Option<NonZeroUsize>,
}

/// An adapter file and how strong it is applied.
#[derive(Clone, Debug, PartialEq)]
struct LoraArg {
    file: PathBuf,
    scale: f64,
}

pub(super) fn execute(args: &GenerateArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let seeds = args.seeds()?;
    let targets: Vec<PathBuf> = seeds.iter().map(|&seed| args.output.target(seed, args.count == 1)).collect();
    for target in &targets {
        may_write(target, args.force)?;
    }
    targets.first().map_or(Ok(()), |target| may_make_folder(target))?;
    let device = device::open(args.device).or_exit(Exit::Experiment)?;
    let terminal = Arc::new(Terminal::new(output.progress, output.error_paint(), output.json()));
    let stop = signals::install(Arc::clone(&terminal) as Arc<dyn Observer + Send + Sync>).or_exit(Exit::Internal)?;
    let mut hashes = HashCache::none();
    let base = BaseModel::find(&base(&args.model)?, args.offline, &mut hashes, &*terminal, &stop)
        .map_err(Failure::of_model)?;
    for warning in args.warnings(&base) {
        warn(output.error_paint(), &warning);
    }
    let (width, height) = args.size(base.summary.native_size, base.summary.unet_multiple)?;
    Sampler::new(args.sampler, &base.summary.process, usize::from(args.steps)).or_exit(Exit::Usage)?;
    let lora = args.adapters(&base.summary.adaptable_layers, &device)?;

    if stop.is_set() {
        return Ok(Exit::Stopped);
    }
    let (stage, label) = (Stage::Generate, format!("{} with {}", images(targets.len()), args.model));
    let (key, reason) = (String::new(), format!("on {}", device::class(&device)));
    terminal.observe(&Event::JobStarted { stage, label: label.clone(), key: key.clone(), reason, index: 1, todo: 1 });
    let begun = Instant::now();
    let model = base.load(&device, args.dtype, args.low_memory).or_exit(Exit::Experiment)?;
    let batch = model.images_at_once(width, height, args.batch_size.get());
    for (round, (seeds, targets)) in seeds.chunks(batch).zip(targets.chunks(batch)).enumerate() {
        let request = ImageRequest {
            prompt: &args.prompt,
            negative_prompt: &args.negative_prompt,
            seeds,
            width,
            height,
            sampler: args.sampler,
            steps: usize::from(args.steps),
            guidance_scale: args.guidance_scale,
            batch_size: batch,
        };
        let mut progress = |done: usize, total: usize| {
            let per_image = total / seeds.len().max(1);
            let (done, total) = (round * batch * per_image + done, args.count as usize * per_image);
            let (unit, detail) = ("steps".to_owned(), String::new());
            terminal.observe(&Event::JobProgress { stage, done: done as u64, total: total as u64, unit, detail });
            if stop.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let made = pipeline::generate(&model, &request, &lora, &mut progress).or_exit(Exit::Experiment)?;
        for ((image, seed), target) in made.iter().zip(seeds).zip(targets) {
            let recipe = args.recipe(&base, *seed, width, height);
            let png = image_file::encode(image, &recipe).or_exit(Exit::Internal)?;
            write_new(target, &png, args.force)?;
            if output.json() {
                emit_json(&json!({"image": target, "seed": seed, "parameters": recipe.text()}))?;
            } else {
                emit(&format!("{}\n", target.display()))?;
            }
        }
        if stop.is_set() {
            // Nobody is left to tell when standard error is closed.
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                b"stopped; images whose names were printed are finished, others were not made\n",
            );
            return Ok(Exit::Stopped);
        }
    }
    terminal.observe(&Event::JobFinished { stage, label, key, seconds: begun.elapsed().as_secs_f64() });
    Ok(Exit::Done)
}

impl GenerateArgs {
    fn seeds(&self) -> Result<Vec<u64>, Failure> {
        let error = || anyhow::anyhow!("--seed {} is too large for --count {}", self.seed, self.count);
        let last = self.seed.checked_add(u64::from(self.count) - 1).ok_or_else(error).or_exit(Exit::Usage)?;
        Ok((self.seed..=last).collect())
    }

    /// What the user should know of the model and of the prompts as it reads them.
    fn warnings(&self, base: &BaseModel) -> Vec<String> {
        let prompts = [("--prompt", &self.prompt), ("--negative-prompt", &self.negative_prompt)];
        let used = if self.guidance_scale > 1.0 { &prompts[..] } else { &prompts[..1] };
        let too_long = used.iter().filter_map(|(name, text)| too_long(name, text, &base.tokenizer().read(text)));
        base.warnings().iter().cloned().chain(too_long).collect()
    }

    /// Width and height, checked against what the model can do.
    fn size(&self, native: usize, multiple: usize) -> Result<(usize, usize), Failure> {
        let multiple = multiple.max(1);
        let pick = |name: &str, given: Option<u32>| {
            let size = given.map_or(native, |size| size as usize);
            if size.is_multiple_of(multiple) {
                return Ok(size);
            }
            let error = anyhow::anyhow!("--{name} {size}: this model makes images in multiples of {multiple} pixels");
            Err(Failure::new(Exit::Usage, error))
        };
        Ok((pick("width", self.width)?, pick("height", self.height)?))
    }

    /// All adapters as one. A file with a tensor that would not be applied is refused.
    fn adapters(&self, modules: &[AdaptableLayer], device: &Device) -> Result<LoraSet, Failure> {
        let mut sum = LoraSet::empty();
        for LoraArg { file, scale } in &self.lora {
            let set = file::load(file, modules, *scale, device).or_exit(Exit::Experiment)?;
            sum = sum.plus(set).or_exit(Exit::Experiment)?;
        }
        Ok(sum)
    }

    fn recipe(&self, base: &BaseModel, seed: u64, width: usize, height: usize) -> Recipe {
        let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Recipe {
            prompt: self.prompt.clone(),
            negative_prompt: self.negative_prompt.clone(),
            steps: usize::from(self.steps),
            sampler: self.sampler.word(),
            guidance_scale: self.guidance_scale,
            seed,
            width,
            height,
            model: self.model.clone(),
            model_hash: base.hash.clone(),
            loras: self.lora.iter().map(|lora| (name(&lora.file), lora.scale)).collect(),
        }
    }
}

fn images(count: usize) -> String {
    if count == 1 { "1 image".to_owned() } else { format!("{count} images") }
}

/// A path that exists, or a Hub id.
fn base(text: &str) -> Result<Base, Failure> {
    let path = Path::new(text);
    if path.is_dir() {
        return Ok(Base::Folder(path.to_path_buf()));
    }
    if path.is_file() {
        return Ok(Base::File(path.to_path_buf()));
    }
    let (id, revision) = text.split_once('@').map_or((text, None), |(id, revision)| (id, Some(revision.to_owned())));
    if text.parse::<ModelId>().is_ok() {
        return Ok(Base::Hub { id: id.to_owned(), revision });
    }
    let error = anyhow::anyhow!("--model {text}: there is no such folder or file, and it is not a Hub id (owner/name)");
    Err(Failure::new(Exit::Experiment, error))
}

fn parse_lora(text: &str) -> Result<LoraArg, String> {
    let whole = || LoraArg { file: text.into(), scale: 1.0 };
    match text.rsplit_once(':') {
        // A file may really be called that.
        Some(_) if Path::new(text).is_file() => Ok(whole()),
        Some((file, scale)) if !file.is_empty() => match scale.trim().parse::<f64>() {
            Ok(scale) if LORA_SCALES.contains(&scale) => Ok(LoraArg { file: file.into(), scale }),
            Ok(scale) => {
                let (low, high) = LORA_SCALES.into_inner();
                Err(format!("the scale {scale} is not from {low} to {high}; 1 is as strong as the adapter was trained"))
            }
            // `C:\adapter.safetensors` has no scale.
            _ if scale.contains(['/', '\\']) => Ok(whole()),
            _ => Err(format!("`{scale}` is not a scale; expected a number, e.g. {file}:0.8")),
        },
        _ => Ok(whole()),
    }
}

fn parse_guidance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if GUIDANCE_SCALES.contains(&scale) => Ok(scale),
        _ => Err(format!("expected a number from {} to {}", GUIDANCE_SCALES.start(), GUIDANCE_SCALES.end())),
    }
}

fn parse_sampler(text: &str) -> Result<settings::Sampler, String> {
    let names = settings::Sampler::words().collect::<Vec<_>>().join(", ");
    text.parse().map_err(|_| format!("expected one of {names}"))
}

fn parse_device(text: &str) -> Result<settings::Device, String> {
    match text {
        "auto" => Ok(settings::Device::Auto),
        "cpu" => Ok(settings::Device::Cpu),
        "cuda" => Ok(settings::Device::Cuda(0)),
        "metal" => Ok(settings::Device::Metal),
        _ => {
            let number = text.strip_prefix("cuda:").and_then(|number| number.parse().ok());
            number.map(settings::Device::Cuda).ok_or_else(|| "expected auto, cpu, cuda, cuda:1 or metal".to_owned())
        }
    }
}

fn parse_dtype(text: &str) -> Result<Dtype, String> {
    match text {
        "f32" => Ok(Dtype::F32),
        "bf16" => Ok(Dtype::Bf16),
        "f16" => Ok(Dtype::F16),
        _ => Err("expected f32, bf16 or f16".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: GenerateArgs,
    }

    fn args(more: &[&str]) -> GenerateArgs {
        let line = ["x", "--model", "m", "--prompt", "p"].iter().chain(more);
        Line::try_parse_from(line).unwrap_or_else(|e| panic!("{e}")).args
    }

    #[test]
    fn a_scale_may_follow_the_file() {
        let parsed = |text: &str| parse_lora(text).map(|lora| (lora.file.display().to_string(), lora.scale));
        assert_eq!(parsed("a.safetensors"), Ok(("a.safetensors".into(), 1.0)));
        assert_eq!(parsed("a.safetensors:-0.5"), Ok(("a.safetensors".into(), -0.5)));
        assert_eq!(parsed("C:\\x\\a.safetensors"), Ok(("C:\\x\\a.safetensors".into(), 1.0)));
        assert_eq!(parsed("C:\\a.safetensors:2"), Ok(("C:\\a.safetensors".into(), 2.0)));
        assert!(parsed("a:11").unwrap_err().contains("from -10 to 10") && parsed("a:-1e30").is_err());
        assert!(parsed("a:nan").is_err() && parsed("a:strong").unwrap_err().contains("a:0.8"));
    }

    #[test]
    fn seeds_and_sizes_are_checked() {
        assert_eq!(args(&["--seed", "5", "--count", "3"]).seeds().ok(), Some(vec![5, 6, 7]));
        assert!(args(&["--seed", &u64::MAX.to_string(), "--count", "2"]).seeds().is_err());
        assert_eq!(args(&["--width", "96"]).size(128, 32).ok(), Some((96, 128)));
        assert!(args(&["--width", "100"]).size(128, 32).is_err());
        assert!(base("no/such/thing/here").is_err());
    }
}
