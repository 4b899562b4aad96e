//! The shell scripts that a batch system runs.

use std::path::Path;

use super::arrays::Array;
use crate::plan::Plan;
use crate::text::{shell_line, shell_word};

/// The command that every task runs.
#[derive(Clone, Debug)]
pub struct TaskCommand {
    /// The program.
    pub program: String,
    /// The folder in which it was called, so that relative paths mean the same.
    pub folder: String,
    /// The experiment file and whatever was changed on the command line.
    pub study: Vec<String>,
    /// Other options of `runner work`.
    pub work: Vec<String>,
}

/// The jobs of an array, one a line, `stage/key`: a task does that in the line of its index.
#[must_use]
pub fn job_list(plan: &Plan, array: &Array) -> String {
    let last = array.tasks.last().map_or(0, |task| task.index);
    let mut lines = vec![String::new(); last];
    for task in &array.tasks {
        let job = &plan.jobs[task.job];
        lines[task.index - 1] = format!("{}/{}", job.stage, job.key);
    }
    lines.join("\n") + "\n"
}

/// The script of an array: does the job in the line of the task's index, and asks to be run again after a checkpoint.
#[must_use]
pub fn task_script(command: &TaskCommand, jobs: &Path) -> String {
    let TaskCommand { program, folder, study, work } = command;
    let (program, folder, jobs) = (shell_word(program), shell_word(folder), shell_word(&jobs.to_string_lossy()));
    let study = shell_line([study.as_slice(), work].concat());
    format!(
        r#"#!/bin/bash
# Written by `runner submit`. Task N of the array does the job in line N of the list.
cd {folder} || exit 1
job=$(sed -n "${{SLURM_ARRAY_TASK_ID}}p" {jobs}) || exit 1
stopped=
{program} work {study} --offline --job "$job" --jobs "${{SLURM_CPUS_ON_NODE:-1}}" --progress plain &
worker=$!
# Slurm tells this shell that the time is over; the worker then writes a checkpoint.
trap 'stopped=1; kill -TERM "$worker" 2>/dev/null' TERM
wait "$worker"
code=$?
while [ -n "$stopped" ]; do
    stopped=
    wait "$worker"
    code=$?
done
# 75: run me again. A task that was cancelled ends in the same way; it is no longer RUNNING, and must not come back.
if [ "$code" = 75 ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt 1000 ]; then
    task=${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID
    case $(scontrol show job --oneliner "$task") in
    *JobState=RUNNING*) scontrol requeue "$task" ;;
    esac
fi
exit "$code"
"#
    )
}

/// The script that writes the report when all tasks have ended.
#[must_use]
pub fn report_script(command: &TaskCommand, class: &str) -> String {
    format!("{}exec {}", head(command), report(command, class))
}

/// The script that hands over what is next when all tasks of this turn have ended; `options` are those of
/// `runner submit`. The report of what there is so far comes first, while nobody works.
#[must_use]
pub fn next_script(command: &TaskCommand, class: &str, options: &[String]) -> String {
    let (program, study, options) = (shell_word(&command.program), shell_line(&command.study), shell_line(options));
    format!(
        "{}{}exec {program} submit {study} --launcher slurm --offline --device-class {class} {options}\n",
        head(command),
        report(command, class)
    )
}

fn head(command: &TaskCommand) -> String {
    let folder = shell_word(&command.folder);
    format!("#!/bin/bash\n# Written by `runner submit`. It needs no GPU.\ncd {folder} || exit 1\n")
}

fn report(command: &TaskCommand, class: &str) -> String {
    let (program, study) = (shell_word(&command.program), shell_line(&command.study));
    format!("{program} report {study} --offline --device-class {class}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::launcher::arrays::arrays;
    use crate::engine::tests::plan;

    #[test]
    fn a_line_of_the_list_is_the_job_of_the_task() {
        let plan = plan(&["A", "B"]);
        let mut array = arrays(&plan, &[true; 5], &[false; 5], 10).swap_remove(1);
        array.tasks[1].index = 3;
        let lines = job_list(&plan, &array);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(
            lines,
            [format!("train/{}", plan.jobs[1].key), String::new(), format!("train/{}", plan.jobs[3].key)]
        );
    }

    #[test]
    fn hostile_words_stay_words() {
        let command = TaskCommand {
            program: "/opt/my runner".into(),
            folder: "/home/a$(touch x)".into(),
            study: vec!["it's; rm -rf.toml".into(), "--set".into(), "subject.class=`id`".into()],
            work: vec!["--max-jobs=1".into()],
        };
        let script = task_script(&command, Path::new("/r/a b.jobs"));
        assert!(script.contains("cd '/home/a$(touch x)' ||"), "{script}");
        assert!(script.contains("'/opt/my runner' work \"it's; rm -rf.toml\" --set 'subject.class=`id`'"), "{script}");
        assert!(script.contains("' '/r/a b.jobs'") || script.contains("p\" '/r/a b.jobs'"), "{script}");
    }
}
