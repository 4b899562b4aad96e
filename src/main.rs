//! `runner`: parse, run, print the error chain, exit code.

use runner::cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::install_panic_hook();
    let arguments = match cli::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(exit) => return exit.into(),
    };
    let paint = arguments.error_paint();
    match cli::execute(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => failure.print(paint).into(),
    }
}
