//! Slurm: `sbatch`, `squeue`, `scontrol`, `scancel`. Their output is not trusted to be well formed.

use std::path::{Path, PathBuf};

use super::arrays::{After, Array};
use super::programs::{SlurmError, run};
use super::queue::Queue;
use super::record::{Submission, Submitted};
use super::resources::Resources;
use super::script::{TaskCommand, job_list, next_script, report_script, task_script};
use crate::files::write_atomic;
use crate::plan::Plan;
use crate::text::plain_text;

/// Largest array of a Slurm that does not say: `MaxArraySize` is 1001 unless it is set.
const MOST_TASKS: usize = 1000;

/// A study on its way to Slurm.
#[derive(Debug)]
pub struct Slurm<'a> {
    /// What is to be done.
    pub plan: &'a Plan,
    /// The arrays, in order.
    pub arrays: &'a [Array],
    /// What each task runs.
    pub command: &'a TaskCommand,
    /// What each task may use.
    pub resources: &'a Resources,
    /// The class of device that the study is planned for.
    pub class: &'a str,
    /// What earlier submissions do.
    pub queue: &'a Queue,
    /// The folder of this submission.
    pub folder: &'a Path,
    /// What `runner submit` gets, beside the study, when all arrays have ended; if nothing, that is the end.
    pub next: Option<&'a [String]>,
}

/// A call of `sbatch` that is ready but for the numbers of other jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its options and the script.
    pub words: Vec<String>,
    /// The script's file and text.
    pub script: (PathBuf, String),
    /// The list of jobs beside it, for an array.
    pub list: Option<(PathBuf, String)>,
}

impl Slurm<'_> {
    /// The number of tasks that an array may have on this cluster.
    #[must_use]
    pub fn most_tasks() -> usize {
        let config = run("scontrol", ["show", "config"]).unwrap_or_default();
        let line = config.lines().find_map(|line| line.trim().strip_prefix("MaxArraySize"));
        let size = line.and_then(|line| line.trim_start().strip_prefix('=')?.trim().parse::<usize>().ok());
        // The largest index is one below the size, and indices begin at 1.
        size.map_or(MOST_TASKS, |size| size.saturating_sub(1).max(1))
    }

    /// What Slurm knows of the tasks of earlier submissions. Nothing, if it cannot be asked.
    #[must_use]
    pub fn queue(submissions: &[Submission]) -> Queue {
        let ids: Vec<&str> = submissions.iter().flat_map(|one| &one.arrays).map(|array| array.id.as_str()).collect();
        if ids.is_empty() {
            return Queue::default();
        }
        // Old numbers are an error to squeue if it gets no other, so all own jobs are asked for.
        let listing = run("squeue", ["--me", "--noheader", "--array", "--format=%i|%T|%N|%r"]).unwrap_or_default();
        Queue::read(&listing, submissions)
    }

    /// The calls of `sbatch`, one for each array and one for the report, or for what is next; `ids` are the numbers of
    /// the arrays.
    #[must_use]
    pub fn calls(&self, ids: &[String]) -> Vec<Call> {
        let mut calls: Vec<Call> = self.arrays.iter().map(|array| self.array_call(array, ids)).collect();
        calls.push(self.last_call(ids));
        calls
    }

    /// Hands all arrays over. If one is refused, those before it are taken back.
    ///
    /// # Errors
    /// What Slurm says, or a file that cannot be written.
    pub fn submit(&self) -> Result<Submission, SlurmError> {
        let mut submission = Submission::default();
        let done = self.hand_over(&mut submission);
        if done.is_err() {
            for array in &submission.arrays {
                // The first error matters.
                let _ = run("scancel", [array.id.as_str()]);
            }
        }
        done.map(|()| submission)
    }

    fn hand_over(&self, submission: &mut Submission) -> Result<(), SlurmError> {
        std::fs::create_dir_all(self.folder.join("logs"))?;
        let mut ids = Vec::new();
        for array in self.arrays {
            let id = sbatch(&self.array_call(array, &ids))?;
            ids.push(id.clone());
            let tasks = array.tasks.iter().map(|task| (task.index, self.plan.jobs[task.job].key.clone())).collect();
            submission.arrays.push(Submitted { id, stage: array.stage, name: array.name.clone(), tasks });
            // A kill between two arrays leaves a file that knows the first.
            submission.write(self.folder)?;
        }
        submission.report = sbatch(&self.last_call(&ids))?;
        Ok(submission.write(self.folder)?)
    }

    fn array_call(&self, array: &Array, ids: &[String]) -> Call {
        let indices: Vec<usize> = array.tasks.iter().map(|task| task.index).collect();
        let limit = self.resources.array_limit.map(|limit| format!("%{limit}")).unwrap_or_default();
        let mut words = self.common(&array.name, &format!("logs/{}-%A_%a.log", array.name));
        words.push(format!("--array={}{limit}", ranges(&indices)));
        words.push(format!("--signal=B:TERM@{}", self.resources.grace()));
        words.push("--requeue".into());
        words.extend(self.resources.words());
        let mut after: Vec<String> = array
            .after
            .iter()
            .map(|after| match after {
                After::Success(of) => format!("afterok:{}", self.id(ids, *of)),
                After::SameTask(of) => format!("aftercorr:{}", self.id(ids, *of)),
                After::End(of) => format!("afterany:{}", self.id(ids, *of)),
            })
            .collect();
        let queued = array.after_queued.iter().filter_map(|job| {
            let job = &self.plan.jobs[*job];
            Some(format!(":{}", self.queue.task(job.stage, &job.key)?.task))
        });
        let queued: String = queued.collect();
        if !queued.is_empty() {
            after.push(format!("afterany{queued}"));
        }
        if !after.is_empty() {
            words.push(format!("--dependency={}", after.join(",")));
            // A task whose training failed has nothing to do; without this it would wait for ever.
            words.push("--kill-on-invalid-dep=yes".into());
        }
        let list = self.folder.join(format!("{}.jobs", array.name));
        let script = self.folder.join(format!("{}.sh", array.name));
        words.push(script.to_string_lossy().into_owned());
        let text = task_script(self.command, &list);
        Call { words, script: (script, text), list: Some((list, job_list(self.plan, array))) }
    }

    fn last_call(&self, ids: &[String]) -> Call {
        let (name, text) = match self.next {
            Some(options) => ("next", next_script(self.command, self.class, options)),
            None => ("report", report_script(self.command, self.class)),
        };
        let mut words = self.common(name, &format!("logs/{name}-%j.log"));
        words.extend(self.resources.partition.iter().map(|name| format!("--partition={name}")));
        words.extend(self.resources.others.iter().cloned());
        let after: Vec<String> = (0..self.arrays.len()).map(|of| self.id(ids, of)).collect();
        words.push(format!("--dependency=afterany:{}", after.join(":")));
        let script = self.folder.join(format!("{name}.sh"));
        words.push(script.to_string_lossy().into_owned());
        Call { words, script: (script, text), list: None }
    }

    /// The number of an array, or its name while it has none.
    fn id(&self, ids: &[String], of: usize) -> String {
        ids.get(of).cloned().unwrap_or_else(|| format!("<{}>", self.arrays[of].name))
    }

    fn common(&self, name: &str, log: &str) -> Vec<String> {
        // A name may have a sign that Slurm would read as one of its own.
        let study: String =
            self.plan.name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
        vec![
            "--parsable".into(),
            format!("--job-name={study}-{name}"),
            format!("--chdir={}", self.folder.display()),
            format!("--output={log}"),
            "--open-mode=append".into(),
        ]
    }
}

/// Numbers in Slurm's notation: `1-3,5`.
fn ranges(numbers: &[usize]) -> String {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match out.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => out.push((number, number)),
        }
    }
    let one =
        |(first, last): &(usize, usize)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    out.iter().map(one).collect::<Vec<_>>().join(",")
}

/// Writes the files of a call and makes it; the number of the job.
fn sbatch(call: &Call) -> Result<String, SlurmError> {
    for (path, text) in [Some(&call.script), call.list.as_ref()].into_iter().flatten() {
        write_atomic(path, text.as_bytes())?;
    }
    let said = run("sbatch", &call.words)?;
    // `id`, or `id;cluster`.
    let id = said.trim().split(';').next().unwrap_or_default();
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SlurmError::Answer(plain_text(said.trim())));
    }
    Ok(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::launcher::arrays::arrays;
    use crate::engine::tests::plan;

    #[test]
    fn ranges_are_slurms() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3,5,7-8");
        assert_eq!(ranges(&[4]), "4");
    }

    #[test]
    fn calls_name_what_they_wait_for() {
        let plan = plan(&["A", "B"]);
        let arrays = arrays(&plan, &[true; 5], &[false; 5], 10);
        let command = TaskCommand {
            program: "/bin/runner".into(),
            folder: "/w".into(),
            study: vec!["a.toml".into()],
            work: Vec::new(),
        };
        let resources = Resources {
            gres: Some("gpu:1".into()),
            array_limit: Some(4),
            others: vec!["--account=x y".into()],
            ..Resources::default()
        };
        let slurm = Slurm {
            plan: &plan,
            arrays: &arrays,
            command: &command,
            resources: &resources,
            class: "cuda",
            queue: &Queue::default(),
            folder: Path::new("/r"),
            next: None,
        };
        let calls = slurm.calls(&[]);
        let has = |call: usize, word: &str| calls[call].words.iter().any(|w| w == word);
        assert!(has(1, "--array=1-2%4") && has(1, "--gres=gpu:1") && has(1, "--account=x y"), "{:?}", calls[1]);
        assert!(!calls[1].words.iter().any(|word| word.starts_with("--dependency")));
        assert!(has(2, "--dependency=aftercorr:<train>,afterok:<baseline>"), "{:?}", calls[2].words);
        assert!(has(3, "--dependency=afterany:<baseline>:<train>:<generate>") && !has(3, "--gres=gpu:1"));
        let ids = ["7", "8", "9"].map(str::to_owned);
        let calls = slurm.calls(&ids);
        assert!(calls[2].words.contains(&"--dependency=aftercorr:8,afterok:7".to_owned()));
        // What is next stands in the place of the report.
        let options = ["--turns=2".to_owned(), "--sbatch=--account=x y".to_owned()];
        let last = Slurm { next: Some(&options), ..slurm }.calls(&ids).pop().unwrap();
        assert!(last.words.contains(&"--dependency=afterany:7:8:9".to_owned()) && last.script.0.ends_with("next.sh"));
        let words = "submit a.toml --launcher slurm --offline --device-class cuda '--turns=2' '--sbatch=--account=x y'";
        assert!(last.script.1.contains(words), "{}", last.script.1);
    }
}
