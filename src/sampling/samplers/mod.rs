//! The samplers: from noise to latents in a few steps. One file a method; timesteps and results are those of
//! diffusers at commit 58eb52c (0.42) when its scheduler is built with `XScheduler.from_config(model's config)`.
//!
//! A sampler holds plain numbers and the tensors of the last steps, nothing global; noise is an argument.

mod arithmetic;
mod ddim;
mod ddpm;
mod dpm;
mod dpm_sde;
mod euler;
mod grid;
mod heun;
mod lcm;
mod levels;
mod method;
mod pndm;
mod unipc;

use std::borrow::Cow;

use candle_core::{Result, Tensor, bail};

use super::process::Process;
use super::schedule::TimestepSpacing;
use crate::choice::{self, Sampling, Sigmas, Spacing};
use method::{Layout, Method};

pub use method::NoiseSource;

/// One run of a sampler. Call [`Self::scale_model_input`], the model and [`Self::step`] for every index of
/// [`Self::timesteps`], in order.
#[derive(Debug)]
pub struct Sampler {
    timesteps: Vec<f32>,
    init_noise_sigma: f32,
    sigmas: Vec<f32>,
    method: Box<dyn Method>,
}

impl Sampler {
    /// A sampler on the model's process; [`choice::Sampler::Model`] is the one that the model is usually drawn with.
    ///
    /// This is cheap: it is also how a plan finds out whether a model allows that many steps.
    ///
    /// # Errors
    /// Settings that do not go together, no steps, more steps than training timesteps, a prediction type the method is
    /// not defined for, and step counts with which it would divide by zero.
    pub fn new(sampling: Sampling, process: &Process) -> Result<Self> {
        let sampling = sampling.or(process.usual_sampler());
        let Sampling { sampler: kind, steps, timestep_spacing, sigmas } = sampling;
        sampling.check().map_err(candle_core::Error::wrap)?;
        let Process::Ddpm(schedule) = process;
        let schedule = &match spacing(timestep_spacing) {
            Some(spacing) => Cow::Owned(schedule.spaced(spacing)),
            None => Cow::Borrowed(schedule),
        };
        let total = process.most_steps();
        if steps == 0 || steps > total {
            bail!("{steps} sampler steps; a model with {total} timesteps allows 1 to that");
        }
        let Layout { timesteps, init_noise_sigma, sigmas, divides_by_distance, method } = match kind {
            choice::Sampler::Model => bail!("nobody knows the model's usual sampler: name one"),
            choice::Sampler::Ddim => ddim::layout(schedule, steps)?,
            choice::Sampler::Pndm => pndm::layout(schedule, steps)?,
            choice::Sampler::Euler => euler::plain(schedule, steps, sigmas)?,
            choice::Sampler::EulerA => euler::ancestral(schedule, steps)?,
            choice::Sampler::DpmPp2m => dpm::plain(schedule, steps, sigmas),
            choice::Sampler::DpmPp2mKarras => dpm::plain(schedule, steps, Sigmas::Karras),
            choice::Sampler::UniPc => unipc::layout(schedule, steps, sigmas),
            choice::Sampler::Heun => heun::layout(schedule, steps, sigmas),
            choice::Sampler::Ddpm => ddpm::layout(schedule, steps)?,
            choice::Sampler::Lcm => lcm::layout(schedule, steps)?,
            choice::Sampler::DpmPp2mSde => dpm::stochastic(schedule, steps, sigmas),
            choice::Sampler::DpmPpSde => dpm_sde::layout(schedule, steps, sigmas)?,
        };
        if let Some(t) = timesteps.iter().find(|t| !(0.0..total as f32).contains(*t)) {
            bail!("{steps} steps of {kind} reach timestep {t}, which the model does not have; use fewer steps");
        }
        if !sigmas.iter().chain([&init_noise_sigma]).all(|sigma| sigma.is_finite()) {
            bail!("{steps} steps of {kind} on this model's schedule have noise levels that are no numbers");
        }
        let before_last = &sigmas[..sigmas.len().saturating_sub(1)];
        if divides_by_distance && !before_last.windows(2).all(|pair| pair[0] > pair[1]) {
            bail!("{steps} steps of {kind} visit a timestep of this model twice, which it cannot do; use fewer steps");
        }
        Ok(Self { timesteps, init_noise_sigma, sigmas, method })
    }

    /// The timestep of every model call, from noise to image; Euler's may be fractional, PNDM has one call more
    /// than steps.
    #[must_use]
    pub fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    /// The noise levels σ between the calls and the last one; empty for the samplers that do not work on σ.
    #[must_use]
    pub fn sigmas(&self) -> &[f32] {
        &self.sigmas
    }

    /// The standard deviation of the noise that a run starts from.
    #[must_use]
    pub fn init_noise_sigma(&self) -> f32 {
        self.init_noise_sigma
    }

    /// What the model gets to see of the latents at call `i`.
    pub fn scale_model_input(&self, x: &Tensor, i: usize) -> Result<Tensor> {
        self.check_index(i)?;
        self.method.scale_model_input(x, i)
    }

    /// The latents after call `i`. `model_output` and `x` have one shape, f32; `noise` is called at most once, with
    /// that shape, and only by the samplers that draw noise while they sample.
    pub fn step(&mut self, model_output: &Tensor, i: usize, x: &Tensor, noise: &mut NoiseSource<'_>) -> Result<Tensor> {
        self.check_index(i)?;
        self.method.step(model_output, i, x, noise)
    }

    fn check_index(&self, i: usize) -> Result<()> {
        if i >= self.timesteps.len() {
            bail!("sampler call {i} of {}", self.timesteps.len());
        }
        Ok(())
    }
}

/// The spacing that a user asks for; `None` for the model's.
fn spacing(wanted: Spacing) -> Option<TimestepSpacing> {
    match wanted {
        Spacing::Model => None,
        Spacing::Leading => Some(TimestepSpacing::Leading),
        Spacing::Trailing => Some(TimestepSpacing::Trailing),
        Spacing::Linspace => Some(TimestepSpacing::Linspace),
    }
}

#[cfg(test)]
mod tests {
    use super::super::schedule::{
        BetaSchedule, FinalSigma, NoiseSchedule, PredictionType, SamplerDefaults, ScheduleSettings, TimestepSpacing,
    };
    use super::*;
    use crate::choice::{Choice, Sampler as Kind};
    use candle_core::{DType, Device};

    fn ddpm(settings: ScheduleSettings) -> Process {
        Process::Ddpm(NoiseSchedule::new(settings).unwrap())
    }

    fn process() -> Process {
        let sampler = SamplerDefaults { steps_offset: 1, ..SamplerDefaults::default() };
        ddpm(ScheduleSettings { sampler, ..ScheduleSettings::default() })
    }

    #[test]
    fn impossible_step_counts_are_errors() {
        for (_, kind) in Kind::ALL.iter().copied() {
            assert!(Sampler::new(Sampling::new(kind, 0), &process()).is_err());
            assert!(Sampler::new(Sampling::new(kind, 1001), &process()).is_err());
            assert!(Sampler::new(Sampling::new(kind, 1), &process()).is_ok(), "{kind}");
        }
    }

    /// Latents after all steps with a made-up model.
    fn run(mut sampler: Sampler) -> Vec<f32> {
        let x = Tensor::new(&[0.3f32, -0.7, 1.5], &Device::Cpu).unwrap();
        let mut latents = (&x * f64::from(sampler.init_noise_sigma())).unwrap();
        for i in 0..sampler.timesteps().len() {
            let t = f64::from(sampler.timesteps()[i]) / 1000.0;
            let output = (sampler.scale_model_input(&latents, i).unwrap().sin().unwrap() * (0.1 + t)).unwrap();
            let mut noise = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu);
            latents = sampler.step(&output, i, &latents, &mut noise).unwrap();
        }
        assert!(sampler.step(&x, sampler.timesteps().len(), &x, &mut |_| Ok(x.clone())).is_err());
        latents.to_vec1().unwrap()
    }

    /// Processes of every spacing, end and prediction; most with too many steps have some that cannot be done.
    fn processes() -> Vec<Process> {
        let scaled = BetaSchedule::ScaledLinear { start: 0.00085, end: 0.012 };
        let scaled = ScheduleSettings { betas: scaled, ..ScheduleSettings::default() };
        let offset = SamplerDefaults { steps_offset: 1, set_alpha_to_one: Some(false), ..SamplerDefaults::default() };
        let spaced = |spacing| SamplerDefaults { timestep_spacing: Some(spacing), ..SamplerDefaults::default() };
        let leading = SamplerDefaults { timestep_spacing: Some(TimestepSpacing::Leading), ..offset.clone() };
        let to_min = |spacing| SamplerDefaults { final_sigma: FinalSigma::SigmaMin, ..spaced(spacing) };
        let cosine = SamplerDefaults { cosine: true, ..to_min(TimestepSpacing::Linspace) };
        [
            ScheduleSettings { sampler: offset, ..scaled.clone() },
            ScheduleSettings { sampler: leading, ..scaled.clone() },
            ScheduleSettings { sampler: to_min(TimestepSpacing::Leading), ..scaled.clone() },
            ScheduleSettings {
                prediction_type: PredictionType::VPrediction,
                rescale_betas_zero_snr: true,
                sampler: spaced(TimestepSpacing::Trailing),
                ..scaled
            },
            ScheduleSettings { betas: BetaSchedule::SquaredCosCapV2, sampler: cosine, ..ScheduleSettings::default() },
            ScheduleSettings { train_timesteps: 500, ..ScheduleSettings::default() },
        ]
        .map(ddpm)
        .into()
    }

    #[test]
    fn every_step_count_that_is_allowed_stays_finite() {
        for process in processes() {
            for (_, kind) in Kind::ALL.iter().copied() {
                for steps in (1..=5).chain([14, 15, 61, 498, 499, 500, 998, 999, 1000]) {
                    let Ok(sampler) = Sampler::new(Sampling::new(kind, steps), &process) else { continue };
                    let latents = run(sampler);
                    assert!(latents.iter().all(|v| v.is_finite()), "{kind} {steps} {process:?}: {latents:?}");
                }
            }
        }
    }

    #[test]
    fn only_what_cannot_be_done_is_refused() {
        for (index, process) in processes().iter().enumerate() {
            let last = process.most_steps();
            let offset = index == 1;
            for (_, kind) in Kind::ALL.iter().copied() {
                let allowed =
                    (1..=last).rev().find(|steps| Sampler::new(Sampling::new(kind, *steps), process).is_ok()).unwrap();
                let every = (1..=allowed).all(|steps| Sampler::new(Sampling::new(kind, steps), process).is_ok());
                let expected = match kind {
                    // The last noise levels may lie beside the timesteps.
                    Kind::DpmPp2mKarras => last,
                    // If there is one timestep more than steps, only trailing spacing visits all of them.
                    Kind::Model | Kind::DpmPp2m | Kind::DpmPp2mSde | Kind::UniPc if index == 3 => last,
                    Kind::Model | Kind::DpmPp2m | Kind::DpmPp2mSde | Kind::UniPc => last - 1 - usize::from(offset),
                    // Consistency models are distilled for 50 timesteps.
                    Kind::Lcm => 50,
                    // With an offset, leading timesteps reach one beyond the last.
                    Kind::Ddim | Kind::Ddpm | Kind::Pndm if index == 0 => last - 1,
                    _ => last - usize::from(offset),
                };
                assert!(every && allowed == expected, "{kind} of process {index}: at most {allowed}, all: {every}");
            }
        }
    }

    #[test]
    fn the_model_names_its_sampler() {
        let steps = Sampling::new(Kind::Model, 7);
        let timesteps = |sampling, process: &Process| Sampler::new(sampling, process).unwrap().timesteps().to_vec();
        let euler = process().usually(Kind::Euler);
        assert_eq!(timesteps(steps, &euler), timesteps(Sampling::new(Kind::Euler, 7), &euler));
        assert_ne!(timesteps(steps, &euler), timesteps(steps, &process()));
        // What its sampler cannot do is found out when the model is known.
        let karras = Sampling { sigmas: Sigmas::Karras, ..steps };
        let error = Sampler::new(karras, &process().usually(Kind::Ddim)).unwrap_err().to_string();
        assert!(error.contains("ddim does not work on noise levels"), "{error}");
    }

    #[test]
    fn noise_cannot_be_predicted_from_pure_noise() {
        let trailing =
            SamplerDefaults { timestep_spacing: Some(TimestepSpacing::Trailing), ..SamplerDefaults::default() };
        let settings =
            ScheduleSettings { rescale_betas_zero_snr: true, sampler: trailing, ..ScheduleSettings::default() };
        let process = ddpm(settings);
        // These divide by the signal that is left.
        let refuse = [Kind::Ddim, Kind::Ddpm, Kind::Lcm];
        for kind in refuse {
            let error = Sampler::new(Sampling::new(kind, 10), &process).unwrap_err().to_string();
            assert!(error.contains("pure noise"), "{error}");
        }
        for kind in Kind::ALL.iter().map(|(_, kind)| *kind).filter(|kind| !refuse.contains(kind)) {
            let latents = run(Sampler::new(Sampling::new(kind, 10), &process).unwrap());
            assert!(latents.iter().all(|v| v.is_finite()), "{kind}");
        }
    }
}
