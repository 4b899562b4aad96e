//! Fine-tuning an adapter with the DreamBooth loss (Ruiz et al. 2022, <https://arxiv.org/abs/2208.12242>).
//!
//! [`BatchSource`] turns cached latents and prompts into the batches of a step, as a pure function of seed and step;
//! [`Trainer`] turns batches into better weights. [`probe_loss`] and [`probe_values`] measure, without touching
//! anything.

mod average;
mod batch;
mod dropout;
mod error;
pub mod optimizer;
mod order;
mod probe;
mod prompt;
mod rates;
mod sample;
mod source;
mod state;
mod trainer;

pub use batch::{Batch, Preserved};
pub use error::TrainingError;
pub use probe::{ProbeSet, probe_loss, probe_values};
pub use prompt::{Prompt, TokenIds};
pub use sample::TrainingItem;
pub use source::{BatchConfig, BatchSource, ClassMaterial, Material};
pub use trainer::{Gradients, StepReport, Trainer, TrainingConfig};
