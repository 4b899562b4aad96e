//! The noise schedule of a model: how much noise each training timestep carries, and what the denoiser predicts.

mod betas;
mod noise_schedule;
mod settings;

pub use betas::BetaOutOfRange;
pub use noise_schedule::NoiseSchedule;
pub use settings::{BetaSchedule, FinalSigma, PredictionType, SamplerDefaults, ScheduleSettings, TimestepSpacing};
