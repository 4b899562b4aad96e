//! The samplers: from noise to latents in a few steps. One file a method; timesteps and results are those of
//! diffusers at commit 58eb52c (0.42) when its scheduler is built with `XScheduler.from_config(model's config)`.
//!
//! A sampler holds plain numbers and the tensors of the last steps, nothing global; noise is an argument.

mod ddim;
mod dpm;
mod euler;
mod grid;
mod pndm;
mod unipc;

use candle_core::{Result, Tensor, bail};

use crate::sampling::schedule::NoiseSchedule;

/// Draws standard normal noise of a shape, f32, on the device of the latents.
pub type NoiseSource<'a> = dyn FnMut(&[usize]) -> Result<Tensor> + 'a;

/// The samplers, by the names people use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamplerKind {
    /// DDIM with η = 0.
    Ddim,
    /// PNDM without Runge-Kutta steps (PLMS): one model call more than steps.
    Pndm,
    /// Euler's method on σ.
    Euler,
    /// Euler's method with ancestral noise: the only one that draws noise while it samples.
    EulerA,
    /// DPM-Solver++ of second order, multistep.
    DpmPp2m,
    /// The same on the noise levels of Karras et al.
    DpmPp2mKarras,
    /// UniPC, B(h) version 2, of second order.
    UniPc,
}

impl SamplerKind {
    /// Every sampler.
    pub const ALL: [Self; 7] =
        [Self::Ddim, Self::Pndm, Self::Euler, Self::EulerA, Self::DpmPp2m, Self::DpmPp2mKarras, Self::UniPc];

    /// The name in experiment files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddim => "ddim",
            Self::Pndm => "pndm",
            Self::Euler => "euler",
            Self::EulerA => "euler-a",
            Self::DpmPp2m => "dpm++2m",
            Self::DpmPp2mKarras => "dpm++2m-karras",
            Self::UniPc => "unipc",
        }
    }
}

impl std::fmt::Display for SamplerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A sampler name nobody knows; says which exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown sampler \"{name}\"; there are {}", SamplerKind::ALL.map(SamplerKind::name).join(", "))]
pub struct UnknownSampler {
    name: String,
}

impl std::str::FromStr for SamplerKind {
    type Err = UnknownSampler;

    fn from_str(name: &str) -> std::result::Result<Self, UnknownSampler> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownSampler { name: name.to_owned() })
    }
}

/// One run of a sampler. Call [`Self::scale_model_input`], the model and [`Self::step`] for every index of
/// [`Self::timesteps`], in order.
#[derive(Clone, Debug)]
pub struct Sampler {
    timesteps: Vec<f32>,
    init_noise_sigma: f32,
    method: Method,
}

#[derive(Clone, Debug)]
enum Method {
    Ddim(ddim::Ddim),
    Pndm(pndm::Pndm),
    Euler(euler::Euler),
    Dpm(dpm::Dpm),
    UniPc(unipc::UniPc),
}

impl Sampler {
    /// A sampler of `steps` steps on the model's schedule.
    ///
    /// This is cheap: it is also how a plan finds out whether a model allows that many steps.
    ///
    /// # Errors
    /// No steps, more steps than training timesteps, a prediction type the method is not defined for, and step counts
    /// with which it would divide by zero.
    pub fn new(kind: SamplerKind, schedule: &NoiseSchedule, steps: usize) -> Result<Self> {
        if steps == 0 || steps > schedule.train_timesteps() {
            bail!("{steps} sampler steps; a model with {} timesteps allows 1 to that", schedule.train_timesteps());
        }
        let (timesteps, init_noise_sigma, method) = match kind {
            SamplerKind::Ddim => {
                let timesteps = ddim::timesteps(schedule, steps);
                let method = ddim::Ddim::new(schedule, &timesteps, steps)?;
                (timesteps, 1.0, Method::Ddim(method))
            }
            SamplerKind::Pndm => {
                let timesteps = pndm::timesteps(schedule, steps);
                let method = pndm::Pndm::new(schedule, &timesteps, steps)?;
                (timesteps, 1.0, Method::Pndm(method))
            }
            SamplerKind::Euler | SamplerKind::EulerA => {
                let grid = euler::grid(schedule, steps, kind == SamplerKind::Euler);
                let method = euler::Euler::new(schedule, grid.sigmas, kind == SamplerKind::EulerA)?;
                (grid.timesteps, method.init_noise_sigma(schedule), Method::Euler(method))
            }
            SamplerKind::DpmPp2m | SamplerKind::DpmPp2mKarras => {
                let grid = dpm::grid(schedule, steps, kind == SamplerKind::DpmPp2mKarras);
                (grid.timesteps, 1.0, Method::Dpm(dpm::Dpm::new(schedule, grid.sigmas)))
            }
            SamplerKind::UniPc => {
                let grid = dpm::grid(schedule, steps, false);
                (grid.timesteps, 1.0, Method::UniPc(unipc::UniPc::new(schedule, grid.sigmas)))
            }
        };
        if let Some(t) = timesteps.iter().find(|t| !(0.0..schedule.train_timesteps() as f32).contains(*t)) {
            bail!("{steps} steps of {kind} reach timestep {t}, which the model does not have; use fewer steps");
        }
        let sampler = Self { timesteps, init_noise_sigma, method };
        sampler.check_levels(kind, steps)?;
        Ok(sampler)
    }

    /// Noise levels must be numbers. The multistep solvers divide by the distance of two of them in log σ, so those
    /// must fall from step to step; the last distance is not divided by.
    fn check_levels(&self, kind: SamplerKind, steps: usize) -> Result<()> {
        let sigmas = self.sigmas().unwrap_or_default();
        if !sigmas.iter().chain([&self.init_noise_sigma]).all(|sigma| sigma.is_finite()) {
            bail!("{steps} steps of {kind} on this model's schedule have noise levels that are no numbers");
        }
        let solver = matches!(self.method, Method::Dpm(_) | Method::UniPc(_));
        let before_last = &sigmas[..sigmas.len().saturating_sub(1)];
        if solver && !before_last.windows(2).all(|pair| pair[0] > pair[1]) {
            bail!("{steps} steps of {kind} visit a timestep of this model twice, which it cannot do; use fewer steps");
        }
        Ok(())
    }

    /// The timestep of every model call, from noise to image; Euler's may be fractional, PNDM has one call more
    /// than steps.
    #[must_use]
    pub fn timesteps(&self) -> &[f32] {
        &self.timesteps
    }

    /// The noise levels σ between the steps and the last one, for the samplers that work on σ.
    #[must_use]
    pub fn sigmas(&self) -> Option<&[f32]> {
        match &self.method {
            Method::Ddim(_) | Method::Pndm(_) => None,
            Method::Euler(method) => Some(method.sigmas()),
            Method::Dpm(method) => Some(method.sigmas()),
            Method::UniPc(method) => Some(method.sigmas()),
        }
    }

    /// Multiply standard normal noise with this to get the first latents.
    #[must_use]
    pub fn init_noise_sigma(&self) -> f32 {
        self.init_noise_sigma
    }

    /// What the model gets to see of latents `x` at call `i`.
    pub fn scale_model_input(&self, x: &Tensor, i: usize) -> Result<Tensor> {
        self.check_index(i)?;
        match &self.method {
            Method::Euler(method) => method.scale_model_input(x, i),
            _ => Ok(x.clone()),
        }
    }

    /// The latents after call `i`. `model_output` and `x` have one shape, f32; `noise` is called once with
    /// that shape by euler-a, never by the others.
    pub fn step(&mut self, model_output: &Tensor, i: usize, x: &Tensor, noise: &mut NoiseSource<'_>) -> Result<Tensor> {
        self.check_index(i)?;
        match &mut self.method {
            Method::Ddim(method) => method.step(model_output, i, x),
            Method::Pndm(method) => method.step(model_output, i, x),
            Method::Euler(method) => method.step(model_output, i, x, noise),
            Method::Dpm(method) => method.step(model_output, i, x),
            Method::UniPc(method) => method.step(model_output, i, x),
        }
    }

    fn check_index(&self, i: usize) -> Result<()> {
        if i >= self.timesteps.len() {
            bail!("sampler call {i} of {}", self.timesteps.len());
        }
        Ok(())
    }
}

/// a·x + b·y.
fn combine(a: f32, x: &Tensor, b: f32, y: &Tensor) -> Result<Tensor> {
    scale(x, a)? + scale(y, b)?
}

/// a·x.
fn scale(x: &Tensor, a: f32) -> Result<Tensor> {
    x.affine(f64::from(a), 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    fn schedule() -> NoiseSchedule {
        NoiseSchedule::from_config_json(r#"{"beta_schedule": "scaled_linear", "steps_offset": 1}"#).unwrap()
    }

    #[test]
    fn names_are_read_back() {
        for kind in SamplerKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        let error = "dpm".parse::<SamplerKind>().unwrap_err().to_string();
        assert!(error.contains("unknown sampler \"dpm\"; there are ddim, pndm, euler, euler-a"), "{error}");
    }

    #[test]
    fn impossible_step_counts_are_errors() {
        for kind in SamplerKind::ALL {
            assert!(Sampler::new(kind, &schedule(), 0).is_err());
            assert!(Sampler::new(kind, &schedule(), 1001).is_err());
            assert!(Sampler::new(kind, &schedule(), 1).is_ok(), "{kind}");
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

    /// Schedules of every spacing, end and prediction; most with too many steps have some that cannot be done.
    fn schedules() -> Vec<NoiseSchedule> {
        let leading = r#""timestep_spacing": "leading""#;
        let scaled = r#""beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012"#;
        let zero = r#""prediction_type": "v_prediction", "rescale_betas_zero_snr": true"#;
        [
            format!(r#"{{{scaled}, "steps_offset": 1, "set_alpha_to_one": false}}"#),
            format!(r#"{{{scaled}, {leading}, "steps_offset": 1, "set_alpha_to_one": false}}"#),
            format!(r#"{{{scaled}, {leading}, "final_sigmas_type": "sigma_min"}}"#),
            format!(r#"{{{scaled}, {zero}, "timestep_spacing": "trailing"}}"#),
            r#"{"beta_schedule": "squaredcos_cap_v2", "timestep_spacing": "linspace", "final_sigmas_type": "sigma_min"}"#
                .to_owned(),
            r#"{"num_train_timesteps": 500}"#.to_owned(),
        ]
        .iter()
        .map(|text| NoiseSchedule::from_config_json(text).unwrap())
        .collect()
    }

    #[test]
    fn every_step_count_that_is_allowed_stays_finite() {
        for schedule in schedules() {
            for kind in SamplerKind::ALL {
                for steps in (1..=5).chain([14, 15, 61, 498, 499, 500, 998, 999, 1000]) {
                    let Ok(sampler) = Sampler::new(kind, &schedule, steps) else { continue };
                    let latents = run(sampler);
                    assert!(latents.iter().all(|v| v.is_finite()), "{kind} {steps} {schedule:?}: {latents:?}");
                }
            }
        }
    }

    #[test]
    fn only_what_cannot_be_done_is_refused() {
        for (index, schedule) in schedules().iter().enumerate() {
            let last = schedule.train_timesteps();
            let offset = index == 1;
            for kind in SamplerKind::ALL {
                let allowed = (1..=last).rev().find(|steps| Sampler::new(kind, schedule, *steps).is_ok()).unwrap();
                let every = (1..=allowed).all(|steps| Sampler::new(kind, schedule, steps).is_ok());
                let expected = match kind {
                    // The last noise levels need not be timesteps.
                    SamplerKind::DpmPp2mKarras => last,
                    // With a timestep more than steps, all of them are visited only by trailing spacing.
                    SamplerKind::DpmPp2m | SamplerKind::UniPc if index == 3 => last,
                    SamplerKind::DpmPp2m | SamplerKind::UniPc => last - 1 - usize::from(offset),
                    // Leading timesteps with an offset reach one beyond the last.
                    SamplerKind::Ddim | SamplerKind::Pndm if index == 0 => last - 1,
                    _ => last - usize::from(offset),
                };
                assert!(every && allowed == expected, "{kind} of schedule {index}: at most {allowed}, all: {every}");
            }
        }
    }

    #[test]
    fn noise_cannot_be_predicted_from_pure_noise() {
        let text = r#"{"rescale_betas_zero_snr": true, "timestep_spacing": "trailing"}"#;
        let schedule = NoiseSchedule::from_config_json(text).unwrap();
        let error = Sampler::new(SamplerKind::Ddim, &schedule, 10).unwrap_err().to_string();
        assert!(error.contains("pure noise"), "{error}");
        for kind in SamplerKind::ALL.into_iter().filter(|kind| *kind != SamplerKind::Ddim) {
            let latents = run(Sampler::new(kind, &schedule, 10).unwrap());
            assert!(latents.iter().all(|v| v.is_finite()), "{kind}");
        }
    }
}
