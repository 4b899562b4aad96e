//! The command line: one file a sub-command. Results go to standard output, everything else to standard error.

mod arguments;
mod clean;
mod defaults;
mod doctor;
mod exit;
mod generate;
mod image_file;
mod image_output;
mod lora;
mod memories;
mod memory;
mod output;
mod plan;
mod report;
mod run;
mod sampler_steps;
mod signals;
mod status;
mod study;

pub use crate::engine::install_hook as install_panic_hook;
pub use arguments::{Arguments, parse};
pub use exit::{Exit, Failure};

use arguments::Command;
use exit::OrExit as _;

/// Does what was asked for.
pub fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    set_environment(arguments.threads());
    signals::survive_file_limit().or_exit(Exit::Internal)?;
    if !matches!(arguments.command, Command::Doctor(_)) {
        crate::kernels::instruction_sets().or_exit(Exit::Usage)?;
    }
    crate::kernels::keep_freed_memory();
    dispatch(&arguments)
}

/// More threads than any machine has cores: a million of them would only keep it busy.
const MOST_THREADS: usize = 1024;

/// How many threads rayon (all our kernels, candle's products) and candle's own pool (its element-wise operations) start.
/// That pool waits by spinning and so takes the cores from the kernels that come next: one thread, unless the user says more.
///
/// Errors carry no backtrace: candle would print it, with paths of the machine that built it, wherever the error is
/// told, in messages, reports and the store. `RUST_BACKTRACE` still gives one for a panic.
fn set_environment(asked: Option<usize>) {
    // SAFETY: no other thread runs yet; rayon and candle read the variables when they start theirs, and the standard
    // library when the first error is made.
    unsafe {
        std::env::set_var("RUST_LIB_BACKTRACE", "0");
        let given = || std::env::var("RAYON_NUM_THREADS").ok()?.parse().ok();
        if let Some(threads) = asked.or_else(given) {
            std::env::set_var("RAYON_NUM_THREADS", threads.min(MOST_THREADS).to_string());
        }
        if std::env::var_os("CANDLE_NUM_THREADS").is_none() {
            std::env::set_var("CANDLE_NUM_THREADS", "1");
        }
    }
}

fn dispatch(arguments: &Arguments) -> Result<Exit, Failure> {
    let output = &arguments.output;
    match &arguments.command {
        Command::Run(args) => run::execute(args, output),
        Command::Plan(args) => plan::execute(args, output),
        Command::Status(args) => status::execute(args, output),
        Command::Report(args) => report::execute(args, output),
        Command::Generate(args) => generate::execute(args, output),
        Command::Defaults => defaults::execute(),
        Command::Doctor(args) => doctor::execute(args, output),
        Command::Lora(command) => lora::execute(command, output),
        Command::Clean(args) => clean::execute(args, output),
    }
}
