//! Optimizers, gradient clipping and learning rate schedules, as torch and diffusers define them.

mod adamw;
mod clip;
mod kind;
mod lr_schedule;

pub use adamw::{AdamW, AdamWConfig, Moments};
pub use clip::{clip_factor, gradient_norm};
pub use kind::{Optimizer, OptimizerConfig};
pub use lr_schedule::{LrCurve, LrSchedule};
