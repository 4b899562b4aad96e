//! Adapter files: diffusers, peft and kohya (which ComfyUI and A1111 read).
//!
//! Loading is strict: a tensor of the file that would not change the model is an error, never a warning.

mod alphas;
mod convert;
mod error;
mod inspect;
mod key;
mod label;
mod load;
mod module;
mod names;
mod parsed;
mod save;

pub use convert::{Format, convert};
pub use error::LoraFileError;
pub use inspect::{ModuleSummary, Summary, inspect};
pub use label::BaseLabel;
pub use load::{load, load_bytes};
pub use save::{save_diffusers, save_kohya};
