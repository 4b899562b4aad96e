//! `runner man`: the manual.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::exit::{Exit, Failure, OrExit as _};
use super::output::{emit, emit_bytes, write_new};

/// Print the manual page, or write a page for every command into a folder
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner man | man -l -\n  runner man --out ~/.local/share/man/man1\n\n\
        Result: the page of `runner` on standard output; with --out the pages of all commands as files, whose paths \
        are printed.")]
pub struct ManArgs {
    /// Write runner.1, runner-run.1 and so on into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace pages that exist
    #[arg(long, requires = "out")]
    force: bool,
}

/// Prints or writes the pages of the command line `C`.
pub(super) fn execute<C: CommandFactory>(args: &ManArgs) -> Result<Exit, Failure> {
    let pages = pages(C::command()).or_exit(Exit::Internal)?;
    let Some(folder) = &args.out else {
        emit_bytes(pages.first().map_or(&[], |(_, page)| page))?;
        return Ok(Exit::Done);
    };
    for (name, page) in &pages {
        let path = folder.join(format!("{name}.1"));
        write_new(&path, page, args.force)?;
        emit(&format!("{}\n", path.display()))?;
    }
    Ok(Exit::Done)
}

/// Name and text of every page, that of the program first.
fn pages(mut program: Command) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    program.build();
    let mut pages = Vec::new();
    let mut next = vec![program];
    while let Some(command) = next.pop() {
        next.extend(command.get_subcommands().filter(|sub| sub.get_name() != "help").cloned());
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let mut page = Vec::new();
        Man::new(command).render(&mut page)?;
        pages.push((name, page));
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::arguments::Arguments;

    #[test]
    fn every_command_has_a_page() {
        let pages = pages(Arguments::command()).unwrap();
        assert_eq!(pages[0].0, "runner");
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for command in Arguments::command().get_subcommands() {
            let name = format!("runner-{}", command.get_name());
            assert!(names.contains(&name.as_str()), "{name} is not among {names:?}");
            let whole = String::from_utf8_lossy(&pages[0].1).replace('\\', "");
            assert!(whole.contains(&name), "{name} is not in the page of the program");
        }
        assert!(names.contains(&"runner-lora-inspect"), "{names:?}");
    }
}
