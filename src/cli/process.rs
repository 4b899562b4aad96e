//! What is set once for the whole process, before anything else is done.

use super::arguments::{Arguments, Command, OtherCommand};
use super::exit::{Exit, Failure, OrExit as _};
use super::signals;
use crate::kernels;

/// More threads than any machine has cores: a million of them would only keep it busy.
const MOST_THREADS: usize = 1024;

/// Sets the environment, the limits and the memory of this process. To be called before other threads start.
///
/// # Errors
/// A signal handler that cannot be installed, or a `RUNNER_INSTRUCTIONS` that this machine does not have.
pub fn prepare(arguments: &Arguments) -> Result<(), Failure> {
    set_environment(arguments.machine.jobs.map(usize::from));
    signals::survive_file_limit().or_exit(Exit::Internal)?;
    if !matches!(arguments.command, Command::Other(OtherCommand::Doctor(_))) {
        kernels::instruction_sets().or_exit(Exit::Usage)?;
    }
    kernels::keep_freed_memory();
    Ok(())
}

/// Sets how many threads rayon (all our kernels, candle's matrix products) and candle's own pool (its element-wise
/// operations) start. The second waits by spinning, which takes the cores from the kernel that comes next: it gets one
/// thread, unless the user says more. Both pools are made by their libraries on first use and can be told by these
/// variables only; candle has no other way.
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
