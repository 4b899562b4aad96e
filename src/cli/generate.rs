//! `runner generate`: a few images from a model and, if wanted, adapters.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use candle_core::Device;
use serde_json::json;

use super::exit::{Exit, Failure, OrExit as _};
use super::generate_args::{GenerateArgs, Image};
use super::image_file::{self, Recipe};
use super::options::OutputArgs;
use super::output::{emit, emit_json, tell, write_new};
use super::session::Session;
use crate::choice::Sampling;
use crate::event::Event;
use crate::models::{LoraSet, Model};
use crate::pipeline::{self, ImageRequest};
use crate::sampling::samplers::Sampler;
use crate::worker::{BaseModel, device};

pub(super) fn execute(args: &GenerateArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let images = args.images()?;
    let device = device::open(args.device).or_exit(Exit::Experiment)?;
    let session = Session::start(output)?;
    session.end(draw(args, &images, device, &session))
}

/// Looks up and checks what is still open, then draws.
fn draw(args: &GenerateArgs, images: &[Image], device: Device, session: &Session) -> Result<Exit, Failure> {
    let base = args.find_model(session)?;
    let (width, height) = args.size(base.summary.native_size, base.summary.unet_multiple)?;
    let sampling = args.sampling().or(base.summary.process.usual_sampler());
    Sampler::new(sampling, &base.summary.process).or_exit(Exit::Usage)?;
    args.check_clip_skip(base.summary.most_clip_skip)?;
    let lora = args.adapters(&base.summary.adaptable_layers, &device, session.output.error_paint())?;
    Drawing { args, base, device, sampling, width, height, lora, session }.execute(images)
}

/// Everything that was checked before the model is loaded.
struct Drawing<'a> {
    args: &'a GenerateArgs,
    base: BaseModel,
    device: Device,
    /// With the sampler that draws, whoever named it.
    sampling: Sampling,
    width: usize,
    height: usize,
    lora: LoraSet,
    session: &'a Session,
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
    fn draw(&self, model: &Model, images: &[Image], (before, all): (usize, usize)) -> Result<(), Failure> {
        let Self { args, session, .. } = self;
        let seeds: Vec<u64> = images.iter().map(|image| image.seed).collect();
        let request = ImageRequest {
            prompt: &args.prompt,
            negative_prompt: &args.negative_prompt,
            seeds: &seeds,
            width: self.width,
            height: self.height,
            sampling: self.sampling,
            reading: args.reading(),
            guidance: args.guidance(),
            batch_size: seeds.len(),
        };
        let mut progress = |done: usize, total: usize| {
            let per_image = total / seeds.len().max(1);
            let (done, total) = (before * per_image + done, all * per_image);
            session.tell(&Event::DrawingProgress { done: done as u64, total: total as u64 });
            if session.stop.is_set() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let drawn = pipeline::generate(model, &request, &self.lora, &mut progress).or_exit(Exit::Experiment)?;
        if let Some(message) = model.vae.news() {
            session.tell(&Event::Warning { message: message.to_owned() });
        }
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
            sampling: self.sampling,
            reading: args.reading(),
            guidance: args.guidance(),
            seed,
            width: self.width,
            height: self.height,
            model: args.model.clone(),
            model_hash: self.base.hash.clone(),
            loras: args.lora.iter().map(|lora| (name(&lora.file), lora.scale)).collect(),
        }
    }
}
