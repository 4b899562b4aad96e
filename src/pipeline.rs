//! Images from prompts: text encoder, sampler with classifier-free guidance, VAE.
//!
//! Follows [`ModelPipeline`](https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/pipelines/stable_diffusion/pipeline_stable_diffusion.py)
//! with a CPU generator per image, so the same seed gives the same picture there and here.

use std::ops::ControlFlow;

use candle_core::{DType, Result, Tensor, bail};
use image::RgbImage;

use crate::choice::{Guidance, PromptOptions, Sampling};
use crate::kernels::activation_dtype;
use crate::models::overflow::other_dtype;
use crate::models::{Conditioning, ImageSizes, LoraSet, Model};
use crate::sampling::guidance::guided;
use crate::sampling::noise::TorchRng;
use crate::sampling::samplers::Sampler;

/// What to draw: one image per seed.
#[derive(Clone, Copy, Debug)]
pub struct ImageRequest<'a> {
    /// What the images should show.
    pub prompt: &'a str,
    /// What they should not show; empty for nothing in particular.
    pub negative_prompt: &'a str,
    /// Each image's seed, as for `torch.Generator("cpu").manual_seed`.
    pub seeds: &'a [u64],
    /// Pixels; a multiple of the VAE's factor, 8.
    pub width: usize,
    /// Pixels; a multiple of the VAE's factor, 8.
    pub height: usize,
    /// The sampler and where its steps lie.
    pub sampling: Sampling,
    /// How the prompts are read.
    pub reading: PromptOptions,
    /// How strongly the images follow the prompt; without guidance a step costs half.
    pub guidance: Guidance,
    /// Images per model call, see [`Model::images_at_once`]. On a CPU not one bit of an image depends on its
    /// neighbours.
    pub batch_size: usize,
}

/// Draws the images of a request, in the order of its seeds.
///
/// `progress(done, total)` is called after every model call of every image (a batch counts as its images) and
/// may stop the work; then only the images finished so far are returned, fewer than seeds.
///
/// # Errors
/// Sizes that do not fit the VAE, step counts the sampler does not allow, numbers that overflow, a full device.
pub fn generate(
    model: &Model,
    request: &ImageRequest<'_>,
    lora: &LoraSet,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Vec<RgbImage>> {
    let factor = model.vae_config.scale();
    let (width, height) = (request.width, request.height);
    if width == 0 || height == 0 || width % factor != 0 || height % factor != 0 {
        bail!("an image of {width} × {height} pixels: width and height must be multiples of {factor}");
    }
    let sampler = || Sampler::new(request.sampling, &model.process);
    let calls = sampler()?.timesteps().len();
    let guided = request.guidance.is_on();
    let prompts = if guided {
        let both = [request.prompt, request.negative_prompt];
        let [shown, hidden] = model.prompts.encode_both(both, &request.reading, lora, &model.device)?;
        vec![hidden, shown]
    } else {
        vec![model.prompts.encode(request.prompt, &request.reading, lora, &model.device)?]
    };
    let sizes = ImageSizes::drawn(height, width);
    let conditions = prompts.iter().map(|prompt| model.denoiser.conditions(prompt, sizes)).collect::<Result<_>>()?;
    let mut run = Run {
        model,
        lora,
        conditions,
        guidance: guided.then_some(request.guidance),
        shape: [1, model.denoiser.channels(), height / factor, width / factor],
        done: 0,
        total: request.seeds.len() * calls,
    };
    let mut images = Vec::with_capacity(request.seeds.len());
    for seeds in request.seeds.chunks(request.batch_size.max(1)) {
        match run.latents(sampler()?, seeds, progress)? {
            Some(latents) => images.extend(decode_latents(model, &latents, !lora.is_empty())?),
            None => break,
        }
    }
    Ok(images)
}

/// Images of latents `(B, 4, h, w)` as the denoiser sees them: divided by the VAE's factor, decoded one by one,
/// `clamp(x/2 + ½, 0, 1)·255` rounded half to even. `adapted`: an adapter made them, for the advice.
///
/// # Errors
/// Numbers that are not finite: half precision overflowed, or an adapter was trained too far.
fn decode_latents(model: &Model, latents: &Tensor, adapted: bool) -> Result<Vec<RgbImage>> {
    let (vae, config) = (&model.vae, &model.vae_config);
    let unscaled = config.latent_scale().to_vae(latents)?;
    (0..latents.dim(0)?).map(|i| to_rgb8(model, &vae.decode(&unscaled.narrow(0, i, 1)?)?, adapted)).collect()
}

fn to_rgb8(model: &Model, image: &Tensor, adapted: bool) -> Result<RgbImage> {
    let (_, _, height, width) = image.dims4()?;
    let values = image.squeeze(0)?.permute((1, 2, 0))?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        let help = match adapted {
            true => "a weaker adapter, or one trained with a smaller learning rate, may help",
            false => "no adapter is in use: another sampler or more steps may help, else the model's file is damaged",
        };
        let or_dtype = other_dtype(activation_dtype(&model.device, model.dtype));
        bail!("the VAE made an image with the value {value}; {help}{or_dtype}");
    }
    let pixels =
        values.into_iter().map(|v| ((v * 0.5 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8).collect();
    match RgbImage::from_raw(width as u32, height as u32, pixels) {
        Some(image) => Ok(image),
        None => bail!("the VAE made {width} × {height} pixels, too many for an image"),
    }
}

/// What is the same for all batches of a request.
struct Run<'a> {
    model: &'a Model,
    lora: &'a LoraSet,
    /// Negative prompt and prompt, or the prompt alone; one sample each.
    conditions: Vec<Conditioning>,
    guidance: Option<Guidance>,
    /// Of one image's latents.
    shape: [usize; 4],
    done: usize,
    total: usize,
}

impl Run<'_> {
    /// The finished latents `(B, 4, h, w)` of a batch; `None` if `progress` stopped it. `sampler` is a new one.
    fn latents(
        &mut self,
        mut sampler: Sampler,
        seeds: &[u64],
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Option<Tensor>> {
        let mut generators: Vec<TorchRng> = seeds.iter().map(|seed| TorchRng::new(*seed)).collect();
        let mut noise = |shape: &[usize]| -> Result<Tensor> {
            let one: Vec<usize> = std::iter::once(1).chain(shape.iter().skip(1).copied()).collect();
            let draws = generators.iter_mut().map(|rng| rng.randn_tensor(&one)).collect::<Result<Vec<_>>>()?;
            Tensor::cat(&draws, 0)?.to_device(&self.model.device)
        };
        let mut shape = self.shape;
        shape[0] = seeds.len();
        let mut x = (noise(&shape)? * f64::from(sampler.init_noise_sigma()))?;
        // The order of diffusers: every unconditional sample, then every conditional one.
        let each = self.conditions.iter().flat_map(|one| std::iter::repeat_n(one, seeds.len()));
        let conditioning = Conditioning::stack(each)?;
        for (i, t) in sampler.timesteps().to_vec().into_iter().enumerate() {
            let input = sampler.scale_model_input(&x, i)?;
            let output = match self.guidance {
                None => self.model.denoiser.forward(&input, &vec![t; seeds.len()], &conditioning, self.lora)?,
                Some(guidance) => {
                    let both = Tensor::cat(&[&input, &input], 0)?;
                    let times = vec![t; 2 * seeds.len()];
                    let both = self.model.denoiser.forward(&both, &times, &conditioning, self.lora)?;
                    let without = both.narrow(0, 0, seeds.len())?;
                    let with = both.narrow(0, seeds.len(), seeds.len())?;
                    guided(&without, &with, guidance)?
                }
            };
            x = sampler.step(&output, i, &x, &mut noise)?;
            self.done += seeds.len();
            if progress(self.done, self.total).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(x))
    }
}
