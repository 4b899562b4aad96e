//! `runner import dreambooth FOLDER`: an experiment for each subject of the DreamBooth benchmark.

use std::path::{Path, PathBuf};

use clap::Args;

use super::prompt_list::{self, PromptList};
use super::render::{self, RECIPE_FILE};
use super::subjects::{self, Subject};
use crate::cli::exit::{Exit, Failure, OrExit};
use crate::cli::output::{emit, may_write, write_new};
use crate::text::{count, plain_text};

/// The name of the benchmark's list.
const LIST: &str = "prompts_and_classes.txt";

/// Write an experiment for each subject of a folder in the DreamBooth benchmark's layout
///
/// The folder holds a folder with photos for each subject, and prompts_and_classes.txt with the class of each subject
/// and two lists of prompts: one for objects and one for live subjects.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  runner import dreambooth dreambooth/dataset --out benchmark\n\n\
                  Result: a folder with an experiment for each subject, the recipe that they extend, and README.md \
                  with the command that runs all of them.")]
pub struct DreamboothArgs {
    /// The folder of the benchmark
    folder: PathBuf,
    /// Where the experiments are written
    #[arg(long, short, value_name = "DIR", default_value = "dreambooth")]
    out: PathBuf,
    /// A class whose subjects are alive, besides cat and dog (repeatable)
    #[arg(long, value_name = "CLASS")]
    live: Vec<String>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

pub(super) fn execute(args: &DreamboothArgs) -> Result<Exit, Failure> {
    let file = args.folder.join(LIST);
    let list = prompt_list::read(&file).or_exit(Exit::Experiment)?;
    let subjects = subjects::find(&args.folder, &file, &list).or_exit(Exit::Experiment)?;
    let files = files(&subjects, &list, &args.live).or_exit(Exit::Experiment)?;
    // All names are free, or nothing is written.
    for (name, _) in &files {
        may_write(&args.out.join(name), args.force)?;
    }
    let cannot = |error: std::io::Error| anyhow::anyhow!("{}: cannot be made: {error}", args.out.display());
    std::fs::create_dir_all(&args.out).map_err(cannot).or_exit(Exit::Experiment)?;
    for (name, text) in &files {
        write_new(&args.out.join(name), text.as_bytes(), args.force)?;
    }
    emit(&plain_text(&told(&args.out, &subjects, &list)))?;
    Ok(Exit::Done)
}

/// Names and texts of all files.
fn files(subjects: &[Subject], list: &PromptList, live: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let mut files =
        vec![(RECIPE_FILE.to_owned(), render::recipe()), ("README.md".to_owned(), render::readme(subjects))];
    for subject in subjects {
        let is_alive = ["cat", "dog"].contains(&subject.class.as_str()) || live.contains(&subject.class);
        let prompts = if is_alive { &list.live } else { &list.objects };
        files.push((format!("{}.toml", subject.name), render::experiment(subject, prompts)?));
    }
    Ok(files)
}

fn told(out: &Path, subjects: &[Subject], list: &PromptList) -> String {
    let absent = list.classes.keys().filter(|name| subjects.iter().all(|subject| subject.name != **name)).count();
    let absent = match absent {
        0 => String::new(),
        absent => format!("; {} of the list have no folder", count(absent, "subject")),
    };
    let (out, written) = (out.display(), count(subjects.len(), "experiment"));
    format!(
        "{written} in {out}{absent}.\nHow to run them: {out}/README.md. One of them: runner {out}/{}.toml\n",
        subjects.first().map_or("", |subject| subject.name.as_str())
    )
}
