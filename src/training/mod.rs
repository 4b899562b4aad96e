//! Fine-tuning an adapter with the DreamBooth loss (Ruiz et al. 2022, <https://arxiv.org/abs/2208.12242>).
//!
//! [`BatchSource`] turns cached latents and prompts into the batches of a step, as a pure function of seed and step;
//! [`Trainer`] turns batches into better weights. [`probe_loss`] and [`probe_values`] measure, without touching
//! anything.

mod average;
mod batch;
mod batch_config;
mod config;
mod dropout;
mod error;
mod material;
pub mod optimizer;
mod order;
mod probe;
mod prompt;
mod rates;
mod sample;
mod source;
mod state;
#[cfg(test)]
mod tests;
mod trainer;

pub use batch::{Batch, Preserved};
pub use batch_config::BatchConfig;
pub use config::TrainingConfig;
pub use error::TrainingError;
pub use material::{ClassMaterial, Material};
pub use probe::{ProbeSet, probe_loss, probe_values};
pub use prompt::{Prompt, TokenIds};
pub use sample::{MirrorImage, TrainingItem};
pub use source::BatchSource;
pub use trainer::{Gradients, StepReport, Trainer};
