//! What `runner generate` is asked for, checked.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use candle_core::Device;
use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};

use super::exit::{Exit, Failure, OrExit as _};
use super::image_output::{ImageOutput, may_make_folder};
use super::lora_arg::LoraArg;
use super::model_arg::PartArgs;
use super::options::words;
use super::output::{may_write, warn};
use super::session::Session;
use crate::adapter::file::{self, LoraFileError};
use crate::choice::{self, Dtype, Guidance, PromptOptions, Sampling, Sigmas, Spacing};
use crate::event::Event;
use crate::experiment::{
    GUIDANCE_RESCALES, GUIDANCE_SCALES, MAX_CLIP_SKIP, MAX_SAMPLER_STEPS, MAX_SIDE, SIDE_MULTIPLE,
};
use crate::models::{AdaptableLayer, LoraSet};
use crate::plan::{plain_weight, too_long};
use crate::text::Paint;
use crate::worker::BaseModel;

/// As for `generate.steps` in an experiment.
const STEPS: RangeInclusive<i64> = 1..=MAX_SAMPLER_STEPS as i64;
/// As for `generate.clip_skip` in an experiment.
const CLIP_SKIPS: RangeInclusive<i64> = 0..=MAX_CLIP_SKIP as i64;
/// As for `generate.width` in an experiment.
const SIDES: RangeInclusive<i64> = SIDE_MULTIPLE as i64..=MAX_SIDE as i64;

const EXAMPLES: &str = "\
Examples:
  runner generate --model experiments/models/toyworld --prompt 'a red ball' --output ball.png
  runner generate --model runwayml/stable-diffusion-v1-5 --prompt 'a aawxbc figurine on the beach' \\
      --lora pytorch_lora_weights.safetensors:0.8 --seed 7 --count 4 --output images/

Result: PNG files with the parameters inside (text chunk `parameters`); their paths are printed.";

/// Make a few images with a base model and, if wanted, adapters
///
/// Image number i is made with seed + i, and is the same whether it is made alone or with others. On the CPU the same
/// command gives the same bytes on every run.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct GenerateArgs {
    /// A diffusers folder, a .safetensors checkpoint or a Hub id (owner/name or owner/name@revision)
    #[arg(long, value_name = "MODEL")]
    pub(super) model: String,
    #[command(flatten)]
    parts: PartArgs,
    /// What the images should show
    #[arg(long, value_name = "TEXT")]
    pub(super) prompt: String,
    /// What they should not show
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) negative_prompt: String,
    /// An adapter in a diffusers, peft or kohya format, and how strong; repeat to combine
    #[arg(long, value_name = "FILE[:SCALE]", value_parser = LoraArg::parse)]
    pub(super) lora: Vec<LoraArg>,
    /// Go on if a part of an adapter cannot be applied, and say what was left out
    #[arg(long)]
    pub(super) allow_partial: bool,
    /// Seed of the first image, as for torch.Generator("cpu")
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// Sampler steps
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u16).range(STEPS))]
    pub(super) steps: u16,
    /// How strongly the images follow the prompt; 1 switches guidance off and is twice as fast
    #[arg(long, value_name = "SCALE", default_value_t = 7.5, value_parser = parse_guidance)]
    guidance_scale: f64,
    /// How far guided images are kept from becoming too bright or too flat, 0 to 1; 0.7 is usual for models of zero
    /// terminal SNR
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = parse_rescale)]
    guidance_rescale: f64,
    /// How noise becomes an image; model: of Stable Diffusion 1 and 2 dpm++2m, of XL what its scheduler is. The noise
    /// of dpm++sde is not that of diffusers: the same seed gives another image there
    #[arg(long, default_value = "model", value_parser = words::<choice::Sampler>())]
    sampler: choice::Sampler,
    /// How the steps are spread over the training timesteps
    #[arg(long, alias = "timestep-spacing", default_value = "model", value_parser = words::<Spacing>())]
    pub(super) spacing: Spacing,
    /// Noise levels of euler, heun, dpm++2m, dpm++2m-sde, dpm++sde and unipc; model: those of the timesteps
    #[arg(long, default_value = "model", value_parser = words::<Sigmas>())]
    pub(super) sigmas: Sigmas,
    /// Last layers of the text encoder that are left out, as in diffusers (A1111 says one more)
    #[arg(long, value_name = "LAYERS", default_value_t = 0, value_parser = clap::value_parser!(u8).range(CLIP_SKIPS))]
    pub(super) clip_skip: u8,
    /// Read prompts over 77 tokens to the end, in chunks of 75; BREAK ends a chunk
    #[arg(long)]
    pub(super) long_prompts: bool,
    /// Brackets weight words, e.g. (word:1.2), as in A1111
    #[arg(long)]
    pub(super) prompt_weights: bool,
    /// Pixels; what the model was trained on if not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(SIDES))]
    pub(super) width: Option<u32>,
    /// Pixels; what the model was trained on if not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(SIDES))]
    pub(super) height: Option<u32>,
    /// How many images
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) count: u32,
    /// A .png file (with --count: name-SEED.png), or a folder (then SEED.png)
    #[arg(long, short, value_name = "PATH", default_value = "image.png", value_parser = image_output())]
    pub(super) output: ImageOutput,
    /// Replace images that exist
    #[arg(long)]
    pub(super) force: bool,
    /// auto, cpu, cuda, cuda:1 or metal
    #[arg(long, default_value = "auto")]
    pub(super) device: choice::Device,
    /// How the model's weights are stored
    #[arg(long, default_value = "f32", value_parser = words::<Dtype>())]
    pub(super) dtype: Dtype,
    /// On a CPU: convolutions need less memory and more time
    #[arg(long)]
    pub(super) low_memory: bool,
    /// Images per model call; changes speed and memory only. On a CPU small images are drawn more at a time
    #[arg(long, value_name = "N", default_value_t = NonZeroUsize::MIN)]
    pub(super) batch_size: NonZeroUsize,
    /// Never use the network
    #[arg(long)]
    pub(super) offline: bool,
}

/// An image to draw.
pub(super) struct Image {
    pub(super) seed: u64,
    /// Where it is written.
    pub(super) target: PathBuf,
}

impl GenerateArgs {
    /// The images to draw, whose files may be written.
    pub(super) fn images(&self) -> Result<Vec<Image>, Failure> {
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

    /// How strongly the images follow the prompt.
    pub(super) fn guidance(&self) -> Guidance {
        Guidance { scale: self.guidance_scale, rescale: self.guidance_rescale }
    }

    /// The sampler, if the model does not decide, and where its steps lie.
    pub(super) fn sampling(&self) -> Sampling {
        let Self { sampler, steps, spacing, sigmas, .. } = *self;
        Sampling { sampler, steps: usize::from(steps), timestep_spacing: spacing, sigmas }
    }

    /// How the prompts are read.
    pub(super) fn reading(&self) -> PromptOptions {
        let Self { clip_skip, long_prompts, prompt_weights, .. } = *self;
        PromptOptions { clip_skip: usize::from(clip_skip), long_prompts, prompt_weights }
    }

    /// Checks `--clip-skip` against what the model's text encoders have.
    pub(super) fn check_clip_skip(&self, most: usize) -> Result<(), Failure> {
        if usize::from(self.clip_skip) <= most {
            return Ok(());
        }
        let error = anyhow::anyhow!("--clip-skip {}: this model allows at most {most}; 1 is usual", self.clip_skip);
        Err(Failure::new(Exit::Usage, error))
    }

    /// Finds the base model, downloads what is missing of it, and tells its warnings.
    pub(super) fn find_model(&self, session: &Session) -> Result<BaseModel, Failure> {
        let base = self.parts.find(&self.model, self.offline, session)?;
        session.tell(&Event::Note { message: format!("{}: {}", self.model, base.about()) });
        for warning in self.warnings(&base) {
            warn(session.output.error_paint(), &warning);
        }
        Ok(base)
    }

    /// What the user should know of the model and of the prompts as it reads them.
    fn warnings(&self, base: &BaseModel) -> Vec<String> {
        let prompts = [("--prompt", &self.prompt), ("--negative-prompt", &self.negative_prompt)];
        let used = if self.guidance().is_on() { &prompts[..] } else { &prompts[..1] };
        let options = self.reading();
        let cut = |(name, text): &(&str, &String)| {
            too_long(name, text, &base.tokenizer()?.read(text, &options), Some("--long-prompts"))
        };
        let weights = |(name, text): &(&str, &String)| plain_weight(name, text, &options, Some("--prompt-weights"));
        let prompts = used.iter().filter_map(cut).chain(used.iter().filter_map(weights));
        base.warnings().iter().cloned().chain(prompts).collect()
    }

    /// Width and height, checked against what the model can do.
    pub(super) fn size(&self, native: usize, multiple: usize) -> Result<(usize, usize), Failure> {
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

    /// All adapters as one. A file with a tensor that would not be applied is refused, unless the user goes on.
    pub(super) fn adapters(
        &self,
        modules: &[AdaptableLayer],
        device: &Device,
        paint: Paint,
    ) -> Result<LoraSet, Failure> {
        let mut sum = LoraSet::empty();
        for LoraArg { file, scale } in &self.lora {
            let (set, left_out) = if self.allow_partial {
                file::load_partly(file, modules, *scale, device).or_exit(Exit::Experiment)?
            } else {
                let hint = "--allow-partial goes on without them";
                (file::load(file, modules, *scale, device).map_err(|error| partial(error, hint))?, None)
            };
            if let Some(left_out) = left_out {
                warn(paint, &format!("{}: {left_out}", file.display()));
            }
            sum = sum.plus(set);
        }
        Ok(sum)
    }
}

/// The failure of a file that cannot be applied as a whole, with what to do.
pub(super) fn partial(error: LoraFileError, hint: &str) -> Failure {
    let some = matches!(&error, LoraFileError::NotApplied { tensors, .. } if tensors.tensors.len() < tensors.of);
    let error = anyhow::Error::new(error);
    let error = if some { anyhow::anyhow!("{error}\n{hint}") } else { error };
    Failure::new(Exit::Experiment, error)
}

fn parse_guidance(text: &str) -> Result<f64, String> {
    number_in(text, &GUIDANCE_SCALES)
}

fn parse_rescale(text: &str) -> Result<f64, String> {
    number_in(text, &GUIDANCE_RESCALES)
}

fn number_in(text: &str, range: &RangeInclusive<f64>) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("expected a number from {} to {}", range.start(), range.end())),
    }
}

/// Reads `--output`.
fn image_output() -> impl TypedValueParser<Value = ImageOutput> {
    PathBufValueParser::new().try_map(ImageOutput::parse)
}

#[cfg(test)]
mod tests;
