//! The words of the experiment file and of the command line, each once: what may be chosen, and how it is written.
//!
//! Every choice has one table of words ([`Choice::ALL`]). The experiment file, the command line, messages, help texts,
//! stored files and keys use it. A new choice is a variant and a line in its table.

mod adapter_kind;
mod crop;
mod device;
mod dtype;
mod guidance;
mod lr_scheduler;
mod model_id;
mod optimizer;
mod prior_kind;
mod prompt_options;
mod purpose;
mod question;
mod race_measure;
mod sampler;
mod sampling;
mod scaling;
mod sigmas;
mod spacing;
mod targets;
mod words;

pub use adapter_kind::AdapterKind;
pub use crop::Crop;
pub use device::{Device, DeviceClass};
pub use dtype::Dtype;
pub use guidance::Guidance;
pub use lr_scheduler::LrScheduler;
pub use model_id::{IdError, ModelId};
pub use optimizer::{Optimizer, OptimizerDefaults};
pub use prior_kind::PriorKind;
pub use prompt_options::PromptOptions;
pub use purpose::Purpose;
pub use question::Question;
pub use race_measure::RaceMeasure;
pub use sampler::Sampler;
pub use sampling::{Conflict, Sampling};
pub use scaling::Scaling;
pub use sigmas::Sigmas;
pub use spacing::Spacing;
pub use targets::Targets;
pub use words::{Choice, UnknownWord};
