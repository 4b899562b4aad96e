//! Adapter files: diffusers, peft, kohya (which ComfyUI and A1111 read), LyCORIS and OneTrainer.
//!
//! Loading is strict: a tensor of the file that would not change the model is an error, unless the user asks to go on.

mod convert;
mod error;
mod fp8;
mod hashes;
mod inspect;
mod key;
mod label;
mod load;
mod module;
mod names;
mod parsed;
mod peft_config;
mod peft_metadata;
mod save;
mod thumbnail;
mod training;
mod write;

pub use convert::{Conversion, Format, convert, convert_with};
pub use error::{LoraFileError, NotApplied, Refused};
pub use inspect::{ModuleSummary, Summary, inspect};
pub use label::BaseLabel;
pub use load::{Fit, fit, load, load_bytes, load_partly};
pub use save::{network_args, save_diffusers, save_kohya};
pub use thumbnail::{Thumbnail, thumbnail};
