//! In which order jobs are begun that could begin now.

use crate::plan::Plan;
use crate::stage::{Stage, about};

/// In which order jobs are begun that could begin now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// One cell after the other: the first results come early. For one worker.
    #[default]
    CellByCell,
    /// The job with the most work behind it first, so that the last hour is not one worker's. For several workers.
    LongestFirst,
}

/// For each job how long it takes from its begin to the end of the last job that needs it. `seconds` is what is known
/// of each. Where nothing is, the mean of what is known counts, by the job's share in the largest of its stage.
pub(super) fn longest_paths(plan: &Plan, seconds: &[Option<f64>]) -> Vec<f64> {
    let work: Vec<Option<f64>> =
        plan.jobs.iter().map(|job| (about(job.stage).work)(&job.inputs.key_inputs())).collect();
    let largest = |stage: Stage| {
        let of_stage = plan.jobs.iter().zip(&work).filter(|(job, _)| job.stage == stage);
        of_stage.filter_map(|(_, work)| *work).fold(0.0, f64::max)
    };
    let known: Vec<f64> = seconds.iter().copied().flatten().collect();
    let mean = if known.is_empty() { 1.0 } else { known.iter().sum::<f64>() / known.len() as f64 };
    let mut paths: Vec<f64> = vec![0.0; plan.jobs.len()];
    // A job stands after the jobs it needs: from the last to the first, one pass is enough.
    for (index, job) in plan.jobs.iter().enumerate().rev() {
        let share = work[index].map_or(1.0, |work| work / largest(job.stage));
        let share = if share.is_finite() { share } else { 1.0 };
        paths[index] += seconds[index].unwrap_or(mean * share);
        for &need in &job.needs {
            paths[need] = paths[need].max(paths[index]);
        }
    }
    paths
}

/// Puts jobs with longer paths in front; of equal ones, those that the plan names first.
pub(super) fn longest_first(jobs: &mut [usize], paths: &[f64]) {
    jobs.sort_by(|a, b| paths[*b].total_cmp(&paths[*a]).then(a.cmp(b)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tests::plan;

    /// Cells A and B: job 0 is the shared baseline, 1 and 3 train, 2 and 4 generate.
    #[test]
    fn the_longest_path_comes_first() {
        let plan = plan(&["A", "B"]);
        let paths = longest_paths(&plan, &[Some(1.0), Some(10.0), Some(5.0), Some(20.0), Some(2.0)]);
        assert_eq!(paths, [6.0, 15.0, 5.0, 22.0, 2.0]);
        let mut jobs = vec![0, 1, 3];
        longest_first(&mut jobs, &paths);
        assert_eq!(jobs, [3, 1, 0]);
    }

    #[test]
    fn what_is_not_known_is_judged_by_the_rest_and_ties_are_broken_by_the_plan() {
        let plan = plan(&["A", "B"]);
        let nothing = longest_paths(&plan, &[None; 5]);
        assert_eq!(nothing, [2.0, 2.0, 1.0, 2.0, 1.0]);
        let mut jobs = vec![3, 0, 1];
        longest_first(&mut jobs, &nothing);
        assert_eq!(jobs, [0, 1, 3]);
        let some = longest_paths(&plan, &[None, Some(30.0), None, Some(10.0), None]);
        assert_eq!(some, [40.0, 50.0, 20.0, 30.0, 20.0]);
    }
}
