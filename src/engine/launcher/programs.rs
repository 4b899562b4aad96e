//! The programs of Slurm, and what they say when they refuse.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Output};

use crate::files::FileError;
use crate::text::plain_text;

/// Why Slurm did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// The program is not there.
    #[error("cannot run `{0}`: {1}\n`runner submit` needs Slurm's commands: call it on a login node of the cluster")]
    Program(&'static str, #[source] io::Error),
    /// It said no.
    #[error("Slurm refused: {said}{help}")]
    Refused {
        /// What it said.
        said: String,
        /// What can be done; begins with a line break.
        help: &'static str,
    },
    /// It said something else than expected.
    #[error("`sbatch` did not answer with the number of a job but with `{0}`")]
    Answer(String),
    /// A script or list could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder could not be made.
    #[error("cannot make a folder for the submission: {0}")]
    Folder(#[from] io::Error),
}

/// Runs one of Slurm's programs; its standard output.
pub(super) fn run<S: AsRef<OsStr>>(
    program: &'static str,
    words: impl IntoIterator<Item = S>,
) -> Result<String, SlurmError> {
    let output = Command::new(program).args(words).output().map_err(|error| SlurmError::Program(program, error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(refused(&output))
}

fn refused(output: &Output) -> SlurmError {
    let said = String::from_utf8_lossy(&output.stderr);
    let said = plain_text(said.trim());
    let said = said.trim_start_matches("sbatch: error: ").to_owned();
    let lower = said.to_lowercase();
    let help = match lower.as_str() {
        s if s.contains("time limit") => {
            "\n`sinfo -o '%P %l'` lists the time limits of the partitions: name another one with --partition, or a \
             shorter --time (a task that needs more goes on in another turn)"
        }
        s if s.contains("temporarily un") => {
            "\nSlurm has as many jobs as it takes: submit a part with --only, or everything later"
        }
        s if s.contains("partition") => "\n`sinfo --summarize` lists the partitions, their time limits and nodes",
        s if s.contains("munge") || s.contains("authentication") || s.contains("credential") => {
            "\nMunge, which proves to Slurm who you are, does not answer on this machine: ask the cluster's \
             administrators"
        }
        s if s.contains("unable to contact") || s.contains("connection refused") => {
            "\nSlurm's controller does not answer: is it running, and is this machine part of the cluster (`sinfo`)?"
        }
        s if s.contains("qos") || s.contains("assoc") || s.contains("limit") => {
            "\nthe account may not have that many jobs or that much time: submit a part with --only, and the rest later"
        }
        s if s.contains("gres") || s.contains("not available") || s.contains("memory") => {
            "\nno node has what was asked for: `sinfo -o '%P %G %m %c %l'` lists GPUs, memory, CPUs and time limits"
        }
        _ => "",
    };
    SlurmError::Refused { said, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_can_be_done() {
        let said = |text: &str| {
            let output = Output { status: Default::default(), stdout: Vec::new(), stderr: text.as_bytes().to_vec() };
            refused(&output).to_string()
        };
        assert!(said("sbatch: error: Batch job submission failed: Invalid partition name specified").contains("sinfo"));
        assert!(said("sbatch: error: If munged is up, restart with --num-threads=10").contains("Munge"));
        let time = said("sbatch: error: Batch job submission failed: Requested time limit is invalid");
        assert!(time.contains("sinfo") && time.contains("--time"), "{time}");
        assert!(said("Batch job submission failed: Resource temporarily unavailable").contains("as many jobs"));
        assert!(said("Job violates accounting/QOS policy (job submit limit)").contains("--only"));
        assert_eq!(said("\x1b[31mstrange"), "Slurm refused: \\u{1b}[31mstrange");
    }
}
