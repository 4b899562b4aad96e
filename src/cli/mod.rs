//! The command line: one file for each sub-command. Results go to standard output, everything else to standard error.

mod again;
mod arguments;
mod clean;
mod completions;
mod defaults;
mod doctor;
mod execute;
mod exit;
mod generate;
mod generate_args;
mod image_file;
mod image_output;
mod import;
mod lora;
mod lora_arg;
mod man;
mod memory;
mod options;
mod output;
mod photos;
mod plan;
mod process;
mod report;
mod run;
mod session;
mod signals;
mod status;
mod study;

pub use crate::engine::install_hook as install_panic_hook;
pub use arguments::{Arguments, Command, parse};
pub use execute::execute;
pub use exit::{Exit, Failure};
pub use options::OutputArgs;
pub use process::prepare;
pub use run::{RunArgs, finish};
pub use session::Session;
