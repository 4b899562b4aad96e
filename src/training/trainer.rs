//! The optimizer step.

use super::average::Average;
use super::batch::{Batch, Preserved};
use super::config::TrainingConfig;
use super::error::TrainingError;
use super::optimizer::{Optimizer, clip_factor, gradient_norm};
use super::prompt::Prompt;
use super::rates::Rates;
use crate::adapter::Adapter;
use crate::models::overflow::other_dtype;
use crate::models::{Conditioning, Denoiser, LoraSet, TrainedText};
use crate::sampling::process::Process;
use candle_core::{DType, Result, Tensor, bail};
use std::collections::BTreeMap;

/// What one optimizer step did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Number of this step, counted from 1.
    pub step: u64,
    /// `instance_loss + prior_weight · prior_loss`; mean over the forward passes, like all losses here.
    pub loss: f64,
    /// Mean squared error of the prediction on the photos.
    pub instance_loss: f64,
    /// The same on the class images, if there are any.
    pub prior_loss: Option<f64>,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Joint norm of the gradients, before clipping.
    pub grad_norm: f64,
}

/// Losses and gradients of one optimizer step, before clipping.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// See [`StepReport::loss`].
    pub loss: f64,
    /// See [`StepReport::instance_loss`].
    pub instance_loss: f64,
    /// See [`StepReport::prior_loss`].
    pub prior_loss: Option<f64>,
    /// Name of an adapter's variable → its gradient, f32, mean over the forward passes.
    pub tensors: BTreeMap<String, Tensor>,
}

/// Trains one adapter on a frozen denoiser.
#[derive(Debug)]
pub struct Trainer<'a> {
    denoiser: &'a Denoiser,
    process: &'a Process,
    config: TrainingConfig,
    text: Option<TrainedText>,
    pub(super) adapter: Adapter,
    pub(super) optimizer: Optimizer,
    pub(super) average: Option<Average>,
}

impl<'a> Trainer<'a> {
    /// A training that has done no step.
    ///
    /// # Errors
    /// A device without room.
    pub fn new(denoiser: &'a Denoiser, process: &'a Process, config: TrainingConfig, adapter: Adapter) -> Result<Self> {
        let average = config.ema_decay.map(|decay| Average::new(decay, adapter.variables())).transpose()?;
        let optimizer = Optimizer::new(config.optimizer);
        Ok(Self { denoiser, process, config, text: None, adapter, optimizer, average })
    }

    /// The same with text encoders, which see prompts that are token ids. The adapter may change their layers.
    #[must_use]
    pub fn with_text(self, text: TrainedText) -> Self {
        Self { text: Some(text), ..self }
    }

    /// The text encoders, if they are trained.
    #[must_use]
    pub fn text(&self) -> Option<&TrainedText> {
        self.text.as_ref()
    }

    /// The adapter in training, as it is now.
    #[must_use]
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// The adapter that is kept: the running mean of the weights, if there is one, else the weights.
    ///
    /// # Errors
    /// A device without room.
    pub fn kept(&self) -> Result<Adapter> {
        let Some(average) = &self.average else { return Ok(self.adapter.clone()) };
        self.adapter.with_values(|name| average.of(name))
    }

    /// Optimizer steps done.
    #[must_use]
    pub fn steps_done(&self) -> u64 {
        self.optimizer.steps()
    }

    /// One optimizer step on the mean loss of these forward passes.
    ///
    /// # Errors
    /// If the loss or the joint gradient norm is not finite; the weights are then as before.
    pub fn step(&mut self, batches: &[Batch]) -> std::result::Result<StepReport, TrainingError> {
        let step = self.steps_done() + 1;
        let failed = |source| TrainingError::Tensor { step, source };
        let mut gradients = self.gradients(batches).map_err(failed)?;
        if !gradients.loss.is_finite() {
            let culprit = self.non_finite_input(batches).map_err(failed)?;
            return Err(TrainingError::NonFinite { step, quantity: "loss", culprit });
        }
        let grad_norm = gradient_norm(gradients.tensors.values()).map_err(failed)?;
        if !grad_norm.is_finite() {
            let culprit = match first_non_finite(&gradients.tensors).map_err(failed)? {
                Some(name) => format!("the first such gradient is that of {name}"),
                None => "every gradient is, but their squares overflow".to_owned(),
            };
            return Err(TrainingError::NonFinite { step, quantity: "gradient norm", culprit });
        }
        let factor = clip_factor(grad_norm, self.config.max_grad_norm);
        if factor != 1.0 {
            for gradient in gradients.tensors.values_mut() {
                *gradient = gradient.affine(factor, 0.0).map_err(failed)?;
            }
        }
        let learning_rate = self.config.learning_rate.learning_rate(self.steps_done() as usize);
        let TrainingConfig { text_encoder_rate, learning_rate: schedule, lora_plus_ratio, .. } = self.config;
        let text = text_encoder_rate.map_or(1.0, |rate| rate / schedule.peak);
        let rates = Rates::new(self.adapter.kind, text, lora_plus_ratio);
        let rate = |name: &str| learning_rate * rates.factor(name);
        self.optimizer.step(self.adapter.variables(), &gradients.tensors, rate).map_err(failed)?;
        if let Some(average) = &mut self.average {
            average.update(step, self.adapter.variables()).map_err(failed)?;
        }
        let Gradients { loss, instance_loss, prior_loss, .. } = gradients;
        Ok(StepReport { step, loss, instance_loss, prior_loss, learning_rate, grad_norm })
    }

    /// Losses and gradients of the mean over these forward passes; changes nothing.
    pub fn gradients(&self, batches: &[Batch]) -> Result<Gradients> {
        if batches.is_empty() {
            bail!("a step needs at least one forward pass");
        }
        let share = 1.0 / batches.len() as f64;
        let mut total = Gradients { loss: 0.0, instance_loss: 0.0, prior_loss: None, tensors: BTreeMap::new() };
        for batch in batches {
            let one = self.gradients_of(batch)?;
            total.loss += one.loss * share;
            total.instance_loss += one.instance_loss * share;
            if let Some(loss) = one.prior_loss {
                *total.prior_loss.get_or_insert(0.0) += loss * share;
            }
            for (name, gradient) in one.tensors {
                let gradient = if share == 1.0 { gradient } else { gradient.affine(share, 0.0)? };
                let sum = match total.tensors.get(&name) {
                    Some(sum) => (sum + gradient)?,
                    None => gradient,
                };
                total.tensors.insert(name, sum);
            }
        }
        Ok(total)
    }

    fn gradients_of(&self, batch: &Batch) -> Result<Gradients> {
        batch.check()?;
        let noisy = self.process.noisy(&batch.latents, &batch.noise, &batch.times)?;
        let mut target = self.process.target(&batch.latents, &batch.noise, &batch.times)?;
        let lora = self.adapter.tracked_set().with_dropout(&batch.dropout_masks)?;
        let class_images = batch.len() - batch.photos;
        if class_images > 0 && batch.preserved == Preserved::Output {
            let own = target.narrow(0, 0, batch.photos)?;
            target = Tensor::cat(&[&own, &self.base_prediction(batch, &noisy)?], 0)?;
        }
        // As in diffusers' train_dreambooth.py, only photos are weighted: class images keep what the model knows.
        let weights = match self.config.snr_gamma {
            None => None,
            Some(gamma) => {
                let weights = self.process.min_snr_weights(&batch.times[..batch.photos], gamma)?;
                Some(Tensor::new(weights, batch.latents.device())?)
            }
        };
        let (mut instance, mut prior) = (None, None);
        let loss = |prediction: &Tensor| {
            let errors = (prediction.to_dtype(DType::F32)? - &target)?.sqr()?;
            let photos = match &weights {
                None => errors.narrow(0, 0, batch.photos)?.mean_all()?,
                Some(weights) => {
                    let losses = errors.narrow(0, 0, batch.photos)?.flatten_from(1)?.mean(1)?;
                    losses.mul(weights)?.mean_all()?
                }
            };
            instance = Some(photos.detach());
            if class_images == 0 {
                return Ok(photos);
            }
            let class = errors.narrow(0, batch.photos, class_images)?.mean_all()?;
            prior = Some(class.detach());
            photos + class.affine(self.config.prior_weight, 0.0)?
        };
        let denoise = |conditioning: &Conditioning, lora: &LoraSet| {
            let recompute = self.config.recompute;
            self.denoiser.loss_and_gradients(&noisy, &batch.times, conditioning, lora, recompute, loss)
        };
        let result = match &batch.conditioning {
            Prompt::Encoded(conditioning) => denoise(conditioning, &lora)?,
            Prompt::Ids(ids) => {
                self.trained_text()?.loss_and_gradients(&ids.ids, ids.sizes.as_ref(), &lora, denoise)?
            }
        };
        let number = |loss: Tensor| Ok::<_, candle_core::Error>(f64::from(loss.to_scalar::<f32>()?));
        let loss = number(result.loss)?;
        let f32 = |(name, gradient): (String, Tensor)| Ok((name, gradient.to_dtype(DType::F32)?));
        let tensors = result.gradients.into_iter().map(f32).collect::<Result<_>>()?;
        let instance_loss = instance.map(number).transpose()?.unwrap_or(loss);
        Ok(Gradients { loss, instance_loss, prior_loss: prior.map(number).transpose()?, tensors })
    }

    /// What the base model alone predicts for the samples that are no photos, f32.
    fn base_prediction(&self, batch: &Batch, noisy: &Tensor) -> Result<Tensor> {
        let (first, count) = (batch.photos, batch.len() - batch.photos);
        let conditioning = match &batch.conditioning {
            Prompt::Encoded(conditioning) => conditioning.clone(),
            Prompt::Ids(ids) => {
                let encoded = self.trained_text()?.encode(&ids.ids, &LoraSet::empty())?;
                Conditioning { sizes: ids.sizes.clone(), ..encoded }
            }
        };
        let conditioning = conditioning.narrow(first, count)?;
        let noisy = noisy.narrow(0, first, count)?.contiguous()?;
        let times = &batch.times[first..];
        self.denoiser.forward(&noisy, times, &conditioning, &LoraSet::empty())?.to_dtype(DType::F32)
    }

    fn trained_text(&self) -> Result<&TrainedText> {
        match &self.text {
            Some(text) => Ok(text),
            None => bail!("the prompts are token ids, but the training has no text encoders"),
        }
    }

    /// Words for the first thing that is not finite among what goes into the loss.
    fn non_finite_input(&self, batches: &[Batch]) -> Result<String> {
        let weights = self.adapter.variables().map(|(name, var)| (name, var.as_tensor().detach())).collect();
        if let Some(name) = first_non_finite(&weights)? {
            return Ok(format!("the first such weight is in {name}; a smaller learning rate may help"));
        }
        for batch in batches {
            let conditions = batch.conditioning.encoded().map(Conditioning::tensors).unwrap_or_default();
            let inputs = [("latents", &batch.latents), ("noise", &batch.noise)];
            for (name, tensor) in inputs.into_iter().chain(conditions) {
                if !is_finite(tensor)? {
                    return Ok(format!("the {name} of the batch already are not"));
                }
            }
        }
        let or_dtype = other_dtype(self.denoiser.activation_dtype());
        Ok(format!(
            "adapter weights and inputs are, so activations overflow: a smaller learning rate may help{or_dtype}"
        ))
    }
}

fn is_finite(tensor: &Tensor) -> Result<bool> {
    // x · 0 is NaN exactly for NaN and infinities.
    Ok(tensor.to_dtype(DType::F32)?.affine(0.0, 0.0)?.sum_all()?.to_scalar::<f32>()? == 0.0)
}

/// The first name, in order, whose tensor holds NaN or infinity.
fn first_non_finite(tensors: &BTreeMap<String, Tensor>) -> Result<Option<&String>> {
    for (name, tensor) in tensors {
        if !is_finite(tensor)? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
