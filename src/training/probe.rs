//! The probe loss: the training loss on fixed questions, so that two moments or two adapters can be compared.

use super::prompt::Prompt;
use super::sample::TrainingItem;
use crate::models::at_once::at_once;
use crate::models::config::LatentScale;
use crate::models::{Conditioning, Denoiser, LoraSet};
use crate::sampling::noise::{TorchRng, derive};
use crate::sampling::process::Process;
use candle_core::{DType, Device, Result, Tensor, bail};

/// Fixed (photo, time, noise) triples.
///
/// Latents are the posterior's mean, not a draw. The noise of a triple depends on the seed, the photo's place in the
/// list and the number of the time, and on nothing else. So a longer list of photos begins with the same questions.
#[derive(Clone, Debug)]
pub struct ProbeSet {
    items: Vec<TrainingItem>,
    /// The place of the first item in the list of photos.
    first: usize,
    times: Vec<f32>,
    scale: LatentScale,
    seed: u64,
}

/// One question, on the CPU.
struct Triple<'a> {
    conditioning: &'a Conditioning,
    latents: Tensor,
    noise: Tensor,
    time: f32,
}

impl ProbeSet {
    /// Asks for every item at `times` times. The range of times is cut into so many equal parts, and their midpoints
    /// are taken.
    #[must_use]
    pub fn new(items: Vec<TrainingItem>, times: usize, process: &Process, scale: LatentScale, seed: u64) -> Self {
        Self { items, first: 0, times: process.midpoints(times), scale, seed }
    }

    /// One set for each photo, with the same questions.
    pub fn by_photo(&self) -> impl Iterator<Item = Self> {
        let one = |(place, item): (usize, &TrainingItem)| Self {
            items: vec![item.clone()],
            first: self.first + place,
            times: self.times.clone(),
            ..*self
        };
        self.items.iter().enumerate().map(one)
    }

    /// The same questions with prompts that `encode` makes of theirs.
    ///
    /// # Errors
    /// Those of `encode`.
    pub fn encoded(&self, encode: impl Fn(&Prompt) -> Result<Conditioning>) -> Result<Self> {
        let one =
            |item: &TrainingItem| Ok(TrainingItem { conditioning: encode(&item.conditioning)?.into(), ..item.clone() });
        let items = self.items.iter().map(one).collect::<Result<_>>()?;
        Ok(Self { items, times: self.times.clone(), ..*self })
    }

    /// Number of triples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len() * self.times.len()
    }

    /// The times at which each photo is asked about, ascending. The triples of a photo follow each other in this order.
    #[must_use]
    pub fn times(&self) -> &[f32] {
        &self.times
    }

    /// True if there is nothing to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shape of a triple's latents.
    fn shape(&self, number: usize) -> &[usize] {
        self.items[number / self.times.len()].mean.dims()
    }

    fn triple(&self, number: usize) -> Result<Triple<'_>> {
        let (photo, place) = (number / self.times.len(), number % self.times.len());
        let item = &self.items[photo];
        let conditioning = item.conditioning.encoded()?;
        let latents = self.scale.to_denoiser(&item.mean.to_device(&Device::Cpu)?)?;
        let seed = derive(self.seed, "probe/noise", place as u64, (self.first + photo) as u64);
        let noise = TorchRng::new(seed).randn_tensor(latents.dims())?;
        Ok(Triple { conditioning, latents, noise, time: self.times[place] })
    }
}

/// The mean of [`probe_values`].
///
/// # Errors
/// An empty set has no mean.
pub fn probe_loss(
    denoiser: &Denoiser,
    process: &Process,
    set: &ProbeSet,
    lora: &LoraSet,
    batch_size: usize,
    device: &Device,
) -> Result<f64> {
    let values = probe_values(denoiser, process, set, lora, batch_size, device)?;
    Ok(values.iter().sum::<f64>() / values.len() as f64)
}

/// Mean squared error of the denoiser's prediction for each triple of `set`, photo by photo; no gradients.
///
/// Each triple's error is summed by itself in f64, so `batch_size` changes nothing on a CPU; on other devices it may
/// change the last bits.
/// `lora` should not be trainable (see [`Adapter::frozen_set`](crate::adapter::Adapter::frozen_set)).
///
/// # Errors
/// An empty set, a batch of nothing, or a denoiser that fails.
pub fn probe_values(
    denoiser: &Denoiser,
    process: &Process,
    set: &ProbeSet,
    lora: &LoraSet,
    batch_size: usize,
    device: &Device,
) -> Result<Vec<f64>> {
    if set.is_empty() || batch_size == 0 {
        bail!("a probe needs at least one photo, one timestep and a batch of one");
    }
    let mut values = Vec::with_capacity(set.len());
    while values.len() < set.len() {
        let (first, shape) = (values.len(), set.shape(values.len()));
        let [_, height, width] = shape else { bail!("latents must be (channels, h, w)") };
        let batch_size = at_once(device, height * width, batch_size);
        // Photos of one shape go together.
        let numbers = (first..set.len().min(first + batch_size)).take_while(|n| set.shape(*n) == shape);
        let triples = numbers.map(|n| set.triple(n)).collect::<Result<Vec<_>>>()?;
        let stack =
            |part: &dyn Fn(&Triple<'_>) -> Tensor| Tensor::stack(&triples.iter().map(part).collect::<Vec<_>>(), 0);
        let (latents, noise) = (stack(&|t| t.latents.clone())?, stack(&|t| t.noise.clone())?);
        let conditioning = Conditioning::stack(triples.iter().map(|t| t.conditioning))?.to_device(device)?;
        let times: Vec<f32> = triples.iter().map(|t| t.time).collect();
        let noisy = process.noisy(&latents, &noise, &times)?.to_device(device)?;
        let target = process.target(&latents, &noise, &times)?;
        let prediction = denoiser.forward(&noisy, &times, &conditioning, lora)?.to_device(&Device::Cpu)?;
        let rows = |t: &Tensor| t.to_dtype(DType::F32)?.flatten_from(1)?.to_vec2::<f32>();
        for (prediction, target) in rows(&prediction)?.iter().zip(rows(&target)?) {
            let squares = prediction.iter().zip(&target).map(|(p, t)| f64::from(p - t).powi(2));
            values.push(squares.sum::<f64>() / target.len() as f64);
        }
    }
    Ok(values)
}
