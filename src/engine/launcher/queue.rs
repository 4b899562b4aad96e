//! What the batch system says of the tasks that were submitted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::record::Submission;
use crate::stage::{Key, Stage};

/// A task that waits or runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Queued {
    /// Its name in the batch system, e.g. `123_4`.
    pub task: String,
    /// Its state in the batch system's own word, e.g. `PENDING`.
    pub state: String,
    /// The machine that it runs on; empty while it waits.
    pub node: String,
    /// Why it waits, in the batch system's own word, e.g. `Priority`.
    pub reason: String,
}

impl Queued {
    /// In a few words: `running on node7`, `waits in the queue (Priority)`.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.state.as_str(), self.node.as_str()) {
            ("RUNNING", node) => format!("running on {node}"),
            ("PENDING", _) => format!("queued ({})", self.reason),
            (other, _) => other.to_lowercase(),
        }
    }
}

/// The tasks that wait or run, by the job that they do.
#[derive(Clone, Debug, Default)]
pub struct Queue(BTreeMap<(Stage, Key), Queued>);

impl Queue {
    /// Reads the lines of `squeue`, four fields between `|`, for what was submitted.
    #[must_use]
    pub fn read(listing: &str, submissions: &[Submission]) -> Self {
        let mut jobs = BTreeMap::new();
        for array in submissions.iter().flat_map(|submission| &submission.arrays) {
            for (index, key) in &array.tasks {
                jobs.insert(format!("{}_{index}", array.id), (array.stage, key.clone()));
            }
        }
        let mut queue = BTreeMap::new();
        for line in listing.lines() {
            let mut fields = line.split('|').map(|field| field.trim().to_owned());
            let mut field = || fields.next().unwrap_or_default();
            let queued = Queued { task: field(), state: field(), node: field(), reason: field() };
            if let Some(job) = jobs.get(&queued.task) {
                queue.insert(job.clone(), queued);
            }
        }
        Self(queue)
    }

    /// The task that does a job.
    #[must_use]
    pub fn task(&self, stage: Stage, key: &Key) -> Option<&Queued> {
        self.0.get(&(stage, key.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Submitted;
    use super::*;

    #[test]
    fn tasks_are_told_by_their_jobs() {
        let key = |digit: &str| Key::parse(&digit.repeat(32)).unwrap();
        let arrays = vec![Submitted {
            id: "12".into(),
            stage: Stage::Train,
            name: "train".into(),
            tasks: vec![(1, key("a")), (2, key("b")), (3, key("c"))],
        }];
        let submissions = [Submission { arrays, report: "13".into() }];
        let queue = Queue::read(
            "12_1|RUNNING|node7|None\n12_3|PENDING||Priority\n13|PENDING||Dependency\n9_1|RUNNING|x|None\ntorn",
            &submissions,
        );
        assert_eq!(queue.task(Stage::Train, &key("a")).unwrap().words(), "running on node7");
        assert!(queue.task(Stage::Train, &key("b")).is_none() && queue.task(Stage::Generate, &key("a")).is_none());
        assert_eq!(queue.task(Stage::Train, &key("c")).unwrap().words(), "queued (Priority)");
    }
}
