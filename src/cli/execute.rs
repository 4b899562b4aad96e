//! Which file does which command.

use super::arguments::{Arguments, OtherCommand};
use super::exit::{Exit, Failure};
use super::options::OutputArgs;
use super::{
    clean, completions, defaults, diff, doctor, finding, generate, import, lock, lora, man, photos, plan, report,
    status, submit, work,
};

/// Does what was asked for.
///
/// # Errors
/// Whatever keeps the command from doing it, with its exit code.
pub fn execute(command: &OtherCommand, output: &OutputArgs) -> Result<Exit, Failure> {
    match command {
        OtherCommand::Photos(args) => photos::execute(args, output),
        OtherCommand::Submit(args) => submit::execute(args, output),
        OtherCommand::Work(args) => work::execute(args, output),
        OtherCommand::Plan(args) => plan::execute(args, output),
        OtherCommand::Status(args) => status::execute(args, output),
        OtherCommand::Report(args) => report::execute(args, output),
        OtherCommand::Finding(args) => finding::execute(args, output),
        OtherCommand::Diff(args) => diff::execute(args, output),
        OtherCommand::Lock(args) => lock::execute(args, output),
        OtherCommand::Generate(args) => generate::execute(args, output),
        OtherCommand::Defaults => defaults::execute(output),
        OtherCommand::Doctor(args) => doctor::execute(args, output),
        OtherCommand::Lora(command) => lora::execute(command, output),
        OtherCommand::Import(command) => import::execute(command),
        OtherCommand::Clean(args) => clean::execute(args, output),
        OtherCommand::Completions(args) => completions::execute::<Arguments>(args),
        OtherCommand::Man(args) => man::execute::<Arguments>(args),
    }
}
