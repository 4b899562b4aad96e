//! `runner`: reads an experiment, plans it, runs it and reports what came out.

use runner::cli::{self, Command, Exit, Failure, OutputArgs, RunArgs, Session};
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::install_panic_hook();
    let arguments = match cli::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(exit) => return exit.into(),
    };
    let done = cli::prepare(&arguments).and_then(|()| match &arguments.command {
        Command::Run(args) => run(args, &arguments.output),
        Command::Other(command) => cli::execute(command, &arguments.output),
    });
    done.unwrap_or_else(|failure| failure.print(arguments.error_paint())).into()
}

/// `runner X.toml`: what this program is for.
fn run(args: &RunArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let session = Session::start(output)?;
    session.end(study(args, &session))
}

/// The way from the file to the report.
fn study(args: &RunArgs, session: &Session) -> Result<Exit, Failure> {
    // Read: every key of the file is known, every value is checked.
    let study = args.read(session)?;
    // Plan: photos and models are looked up, and every job gets a key and a reason.
    let planned = args.plan(study, session)?;
    // Run and report: what is not in the store is made, and the report shows what is.
    let summary = args.work(planned, session)?;
    Ok(cli::finish(&summary, session))
}
