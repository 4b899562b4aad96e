//! From a plan to arrays of tasks, each behind those that it needs. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::Plan;
use crate::stage::Stage;

/// Jobs of one stage that become one array of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// The kind of work.
    pub stage: Stage,
    /// What it is called among the arrays of a study, e.g. `train` or `generate-2`.
    pub name: String,
    /// Its tasks, by increasing index.
    pub tasks: Vec<Task>,
    /// What has to end before a task may begin.
    pub after: Vec<After>,
    /// Jobs of earlier submissions, by their place in the plan, that have to end first.
    pub after_queued: BTreeSet<usize>,
}

/// One task of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its index in the array, from 1.
    pub index: usize,
    /// The job that it does, by its place in [`Plan::jobs`].
    pub job: usize,
}

/// What an array waits for: another one, by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Its only task has succeeded.
    Success(usize),
    /// The task of the same index has succeeded.
    SameTask(usize),
    /// All its tasks have ended, well or not. A task that finds that its own job cannot begin ends at once.
    End(usize),
}

/// The arrays for the jobs that nobody has done, behind those that they need. `queued` says which of them an earlier
/// submission will do. No array has more than `most` tasks.
#[must_use]
pub fn arrays(plan: &Plan, missing: &[bool], queued: &[bool], most: usize) -> Vec<Array> {
    let to_do = |job: &usize| missing[*job] && !queued[*job];
    let mut depth = vec![0_usize; plan.jobs.len()];
    let mut groups: BTreeMap<(usize, Stage), Vec<usize>> = BTreeMap::new();
    // A job stands after the jobs it needs: one pass is enough.
    for (index, job) in plan.jobs.iter().enumerate().filter(|(index, _)| to_do(index)) {
        depth[index] = job.needs.iter().filter(|need| to_do(need)).map(|need| depth[*need] + 1).max().unwrap_or(0);
        groups.entry((depth[index], job.stage)).or_default().push(index);
    }
    let mut arrays: Vec<Array> = Vec::new();
    let mut array_of: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for ((_, stage), jobs) in groups {
        for jobs in jobs.chunks(most.max(1)) {
            let number = arrays.iter().filter(|array| array.stage == stage).count() + 1;
            let name = if number == 1 { stage.to_string() } else { format!("{stage}-{number}") };
            let (indices, after) = place(plan, jobs, &arrays, &array_of);
            let mut tasks: Vec<Task> = jobs.iter().zip(indices).map(|(job, index)| Task { index, job: *job }).collect();
            tasks.sort_by_key(|task| task.index);
            for task in &tasks {
                array_of.insert(task.job, (arrays.len(), task.index));
            }
            let needs = jobs.iter().flat_map(|job| &plan.jobs[*job].needs).copied();
            let after_queued = needs.filter(|need| missing[*need] && queued[*need]).collect();
            arrays.push(Array { stage, name, tasks, after, after_queued });
        }
    }
    arrays
}

/// The index of each job in its array, and what the array waits for.
fn place(
    plan: &Plan,
    jobs: &[usize],
    arrays: &[Array],
    array_of: &BTreeMap<usize, (usize, usize)>,
) -> (Vec<usize>, Vec<After>) {
    let needs = |job: usize, of: usize| -> Vec<usize> {
        let all = plan.jobs[job].needs.iter().filter_map(|need| array_of.get(need));
        all.filter(|(array, _)| *array == of).map(|(_, index)| *index).collect()
    };
    let mut needed: Vec<usize> =
        (0..arrays.len()).filter(|of| jobs.iter().any(|job| !needs(*job, *of).is_empty())).collect();
    // The first that can give the indices does: trainings are the longest, their images need not wait for all of them.
    needed.sort_by_key(|of| (arrays[*of].stage != Stage::Train, std::cmp::Reverse(*of)));
    let mut indices: Option<Vec<usize>> = None;
    let mut after = Vec::new();
    for of in needed {
        let of_each: Vec<Vec<usize>> = jobs.iter().map(|job| needs(*job, of)).collect();
        let one_each: Option<Vec<usize>> =
            of_each.iter().map(|needs| if let [one] = needs.as_slice() { Some(*one) } else { None }).collect();
        let distinct = |of_each: &[usize]| of_each.iter().collect::<BTreeSet<_>>().len() == of_each.len();
        after.push(match one_each {
            Some(_) if arrays[of].tasks.len() == 1 => After::Success(of),
            Some(same) if distinct(&same) && indices.as_ref().is_none_or(|indices| *indices == same) => {
                indices = Some(same);
                After::SameTask(of)
            }
            _ => After::End(of),
        });
    }
    (indices.unwrap_or_else(|| (1..=jobs.len()).collect()), after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plan;

    fn indices(array: &Array) -> Vec<(usize, usize)> {
        array.tasks.iter().map(|task| (task.index, task.job)).collect()
    }

    /// Cells A, B and C: job 0 is the shared baseline, 1, 3 and 5 train, 2, 4 and 6 generate.
    #[test]
    fn images_wait_for_their_own_training_only() {
        let plan = plan(&["A", "B", "C"]);
        let arrays = arrays(&plan, &[true; 7], &[false; 7], 1000);
        let names: Vec<&str> = arrays.iter().map(|array| array.name.as_str()).collect();
        assert_eq!(names, ["baseline", "train", "generate"]);
        assert!(arrays[0].after.is_empty() && arrays[1].after.is_empty());
        assert_eq!(indices(&arrays[1]), [(1, 1), (2, 3), (3, 5)]);
        assert_eq!(indices(&arrays[2]), [(1, 2), (2, 4), (3, 6)]);
        assert_eq!(arrays[2].after, [After::SameTask(1), After::Success(0)]);
    }

    #[test]
    fn what_is_done_or_queued_is_not_handed_over_again() {
        let plan = plan(&["A", "B", "C"]);
        // The baseline and the training of A are done, that of B is queued.
        let missing = [false, false, true, true, true, true, true];
        let queued = [false, false, false, true, false, false, false];
        let arrays = arrays(&plan, &missing, &queued, 1000);
        let told: Vec<_> = arrays.iter().map(|array| (array.name.as_str(), indices(array))).collect();
        // The images of C wait for its training, the others do not stand behind anything that is handed over now.
        let expected = [("train", vec![(1, 5)]), ("generate", vec![(1, 2), (2, 4)]), ("generate-2", vec![(1, 6)])];
        assert_eq!(told, expected);
        assert_eq!(arrays[1].after_queued, BTreeSet::from([3]));
        assert_eq!(arrays[2].after, [After::Success(0)]);
        assert!(super::arrays(&plan, &[false; 7], &[false; 7], 1000).is_empty());
    }

    #[test]
    fn an_array_has_no_more_tasks_than_the_cluster_allows() {
        let plan = plan(&["A", "B", "C"]);
        let arrays = arrays(&plan, &[true; 7], &[false; 7], 2);
        let told: Vec<_> = arrays.iter().map(|array| (array.name.as_str(), array.tasks.len())).collect();
        assert_eq!(told, [("baseline", 1), ("train", 2), ("train-2", 1), ("generate", 2), ("generate-2", 1)]);
        assert_eq!(arrays[3].after, [After::SameTask(1), After::Success(0)]);
        assert_eq!(arrays[4].after, [After::Success(2), After::Success(0)]);
    }

    #[test]
    fn a_job_that_needs_several_of_an_array_waits_for_all() {
        let mut plan = plan(&["A", "B"]);
        plan.jobs[2].needs.push(3);
        let arrays = arrays(&plan, &[true; 5], &[false; 5], 1000);
        assert_eq!(arrays[2].after, [After::End(1), After::Success(0)]);
    }
}
