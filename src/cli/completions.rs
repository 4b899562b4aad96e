//! `runner completions SHELL`: lets a shell complete commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::exit::{Exit, Failure};
use super::output::emit;

/// Print a script with which a shell completes commands and options
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner completions bash > ~/.local/share/bash-completion/completions/runner\n  \
        runner completions zsh > ~/.zfunc/_runner\n  \
        runner completions fish > ~/.config/fish/completions/runner.fish\n\n\
        Result: a script; start a new shell to use it.")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = clap::value_parser!(Shell))]
    shell: Shell,
}

/// Prints the script for the command line `C`.
pub(super) fn execute<C: CommandFactory>(args: &CompletionsArgs) -> Result<Exit, Failure> {
    emit(&script::<C>(args.shell))?;
    Ok(Exit::Done)
}

fn script<C: CommandFactory>(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut C::command(), "runner", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::Arguments;
    use clap::ValueEnum as _;

    #[test]
    fn every_shell_completes_every_command() {
        for shell in Shell::value_variants() {
            let script = script::<Arguments>(*shell);
            for command in Arguments::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
            assert!(script.contains("device-class"), "{shell} knows no options");
        }
    }
}
