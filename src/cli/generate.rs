//! `runner generate`: a few images from a model and, if wanted, adapters.

use super::{
    exit::{Exit, Failure, OrExit},
    image_file::{self, Recipe},
    image_output::{ImageOutput, may_make_folder},
    lora_arg::LoraArg,
    options::{OutputArgs, words},
    output::{emit, emit_json, may_write, tell, warn, write_new},
    session::Session,
    study::failure,
};
use crate::adapter::file;
use crate::choice::{self, Choice as _, Dtype, ModelId};
use crate::event::Event;
use crate::experiment::{GUIDANCE_SCALES, settings::Base};
use crate::hashing::HashCache;
use crate::models::{LoraModule, LoraSet, StableDiffusion};
use crate::pipeline::{self, ImageRequest};
use crate::plan::too_long;
use crate::sampling::samplers::Sampler;
use crate::study::StudyError;
use crate::worker::{BaseModel, device, images::sampler_kind};
use candle_core::Device;
use clap::{
    Args,
    builder::{PathBufValueParser, TypedValueParser as _},
};
use serde_json::json;
use std::{
    num::NonZeroUsize,
    ops::{ControlFlow, RangeInclusive},
    path::{Path, PathBuf},
    time::Instant,
};

/// Make a few images with a base model and, if wanted, adapters
///
/// Image number i is made with seed + i, and is the same whether it is made alone or with others. On the CPU the same
/// command gives the same bytes on every run.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  runner generate --model experiments/models/toyworld --prompt 'a red ball' \\\n      --output ball.png\n  \
        runner generate --model runwayml/stable-diffusion-v1-5 --lora pytorch_lora_weights.safetensors:0.8 \\\n      \
        --prompt 'a aawxbc figurine on the beach' --seed 7 --count 4 --output images/\n\n\
        Result: PNG files with the parameters inside (text chunk `parameters`); their paths are printed."
)]
pub struct GenerateArgs {
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
    #[arg(long, value_name = "FILE[:SCALE]", value_parser = LoraArg::parse)]
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
    /// How noise becomes an image
    #[arg(long, default_value = "dpm++2m", value_parser = words::<choice::Sampler>())]
    sampler: choice::Sampler,
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
    #[arg(long, default_value = "auto")]
    device: choice::Device,
    /// How the model's weights are stored
    #[arg(long, default_value = "f32", value_parser = words::<Dtype>())]
    dtype: Dtype,
    /// On a CPU: convolutions need less memory and more time
    #[arg(long)]
    low_memory: bool,
    /// Images per model call; changes speed and memory only. On a CPU small images are drawn more at a time
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    batch_size: NonZeroUsize,
    /// Never use the network
    #[arg(long)]
    offline: bool,
}

pub(super) fn execute(args: &GenerateArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let images = args.images()?;
    let device = device::open(args.device).or_exit(Exit::Experiment)?;
    let session = Session::start(output)?;
    let base = args.find_model(&session)?;
    let (width, height) = args.size(base.summary.native_size, base.summary.unet_multiple)?;
    Sampler::new(sampler_kind(args.sampler), &base.summary.schedule, usize::from(args.steps)).or_exit(Exit::Usage)?;
    let lora = args.adapters(&base.summary.lora_modules, &device)?;
    Drawing { args, base, device, width, height, lora, session }.execute(&images)
}

/// An image to draw.
struct Image {
    seed: u64,
    target: PathBuf,
}

/// Everything that was checked before the model is loaded.
struct Drawing<'a> {
    args: &'a GenerateArgs,
    base: BaseModel,
    device: Device,
    width: usize,
    height: usize,
    lora: LoraSet,
    session: Session,
}

impl Drawing<'_> {
    /// Loads the model, then draws and writes image after image until all are there or a signal comes.
    fn execute(&self, images: &[Image]) -> Result<Exit, Failure> {
        let Self { args, base, device, session, .. } = self;
        if session.stop.is_set() {
            return Ok(Exit::Stopped);
        }
        let (number, device_name) = (images.len(), device::name(device));
        session.tell(&Event::DrawingStarted { images: number, model: args.model.clone(), device: device_name });
        let begun = Instant::now();
        let model = base.load(device, args.dtype, args.low_memory).or_exit(Exit::Experiment)?;
        let batch = model.images_at_once(self.width, self.height, args.batch_size.get());
        for (round, images) in images.chunks(batch).enumerate() {
            self.draw(&model, images, (round * batch, number))?;
            if session.stop.is_set() {
                tell("stopped; images whose names were printed are finished, others were not made\n");
                return Ok(Exit::Stopped);
            }
        }
        session.tell(&Event::DrawingFinished { images: number, seconds: begun.elapsed().as_secs_f64() });
        Ok(Exit::Done)
    }

    /// Draws some images in one batch and writes them; `before` of `all` images were drawn earlier.
    fn draw(&self, model: &StableDiffusion, images: &[Image], (before, all): (usize, usize)) -> Result<(), Failure> {
        let Self { args, session, .. } = self;
        let seeds: Vec<u64> = images.iter().map(|image| image.seed).collect();
        let request = ImageRequest {
            prompt: &args.prompt,
            negative_prompt: &args.negative_prompt,
            seeds: &seeds,
            width: self.width,
            height: self.height,
            sampler: sampler_kind(args.sampler),
            steps: usize::from(args.steps),
            guidance_scale: args.guidance_scale,
            batch_size: seeds.len(),
        };
        let mut progress = |done: usize, total: usize| {
            let per_image = total / seeds.len().max(1);
            let (done, total) = (before * per_image + done, all * per_image);
            session.tell(&Event::DrawingProgress { done: done as u64, total: total as u64 });
            if session.stop.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let drawn = pipeline::generate(model, &request, &self.lora, &mut progress).or_exit(Exit::Experiment)?;
        for (pixels, Image { seed, target }) in drawn.iter().zip(images) {
            let recipe = self.recipe(*seed);
            let png = image_file::encode(pixels, &recipe).or_exit(Exit::Internal)?;
            write_new(target, &png, args.force)?;
            if session.output.json() {
                emit_json(&json!({"image": target, "seed": seed, "parameters": recipe.text()}))?;
            } else {
                emit(&format!("{}\n", target.display()))?;
            }
        }
        Ok(())
    }

    fn recipe(&self, seed: u64) -> Recipe {
        let args = self.args;
        let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Recipe {
            prompt: args.prompt.clone(),
            negative_prompt: args.negative_prompt.clone(),
            steps: usize::from(args.steps),
            sampler: args.sampler.word(),
            guidance_scale: args.guidance_scale,
            seed,
            width: self.width,
            height: self.height,
            model: args.model.clone(),
            model_hash: self.base.hash.clone(),
            loras: args.lora.iter().map(|lora| (name(&lora.file), lora.scale)).collect(),
        }
    }
}

impl GenerateArgs {
    /// The images to draw, whose files may be written.
    fn images(&self) -> Result<Vec<Image>, Failure> {
        let seeds = self.seeds()?;
        let image = |seed| Image { seed, target: self.output.target(seed, self.count == 1) };
        let images: Vec<Image> = seeds.map(image).collect();
        for image in &images {
            may_write(&image.target, self.force)?;
        }
        images.first().map_or(Ok(()), |image| may_make_folder(&image.target))?;
        Ok(images)
    }

    fn seeds(&self) -> Result<RangeInclusive<u64>, Failure> {
        let error = || anyhow::anyhow!("--seed {} is too large for --count {}", self.seed, self.count);
        let last = self.seed.checked_add(u64::from(self.count) - 1).ok_or_else(error).or_exit(Exit::Usage)?;
        Ok(self.seed..=last)
    }

    /// Finds the base model, downloads what is missing of it, and tells its warnings.
    fn find_model(&self, session: &Session) -> Result<BaseModel, Failure> {
        let base = base(&self.model)?;
        let Session { terminal, stop, output } = session;
        let found = BaseModel::find(&base, self.offline, &mut HashCache::none(), &**terminal, stop);
        let base = found.map_err(|error| failure(StudyError::Model(error), output))?;
        for warning in self.warnings(&base) {
            warn(output.error_paint(), &warning);
        }
        Ok(base)
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
    fn adapters(&self, modules: &[LoraModule], device: &Device) -> Result<LoraSet, Failure> {
        let mut sum = LoraSet::empty();
        for LoraArg { file, scale } in &self.lora {
            let set = file::load(file, modules, *scale, device).or_exit(Exit::Experiment)?;
            sum = sum.plus(set).or_exit(Exit::Experiment)?;
        }
        Ok(sum)
    }
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

fn parse_guidance(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if GUIDANCE_SCALES.contains(&scale) => Ok(scale),
        _ => Err(format!("expected a number from {} to {}", GUIDANCE_SCALES.start(), GUIDANCE_SCALES.end())),
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
    fn seeds_and_sizes_are_checked() {
        assert_eq!(args(&["--seed", "5", "--count", "3"]).seeds().ok(), Some(5..=7));
        assert!(args(&["--seed", &u64::MAX.to_string(), "--count", "2"]).seeds().is_err());
        assert_eq!(args(&["--width", "96"]).size(128, 32).ok(), Some((96, 128)));
        assert!(args(&["--width", "100"]).size(128, 32).is_err());
        assert!(base("no/such/thing/here").is_err());
    }
}
