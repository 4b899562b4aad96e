//! The only place where models meet files: one file per stage. The engine sees a stage only through [`Worker`].

mod adapter;
mod base;
mod baseline;
mod class_images;
mod context;
pub mod device;
mod encoder;
mod error;
pub mod evaluate;
mod features;
mod generate;
pub mod images;
mod interface;
mod latents;
mod locate;
mod origins;
mod png;
mod prepare;
mod probe;
mod probe_curve;
mod prompts;
mod stages;
mod stop;
mod train;
mod train_log;
mod train_metadata;
mod training_items;

pub use base::BaseModel;
pub use context::Context;
pub use encoder::FoundEncoder;
pub use error::StageError;
pub use interface::{Output, Worker};
pub use locate::Access;
pub use stages::Stages;
pub use stop::StopFlag;
