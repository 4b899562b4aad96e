//! What to do next: one sentence and the command for it, made from what the study found.

use crate::measures::verdict::{Call, Enough, Method};
use crate::report::data::ProblemKind;
use crate::report::naming::axis;
use crate::stage::Stage;
use crate::text::{count, number, shell_word};

use super::conditions::Condition;
use super::judged::Judged;
use super::question::Question;
use super::{chance, order, side_effects};

/// With so many trainings of each condition chance can be seen well enough to begin.
const FIRST: usize = 3;
/// So many photos are held out if nobody says how many.
const HELD_OUT: usize = 5;

/// The setting that makes trainings diverge.
const RATE: &str = "train.learning_rate";

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NextStep {
    /// What it is for, as a sentence.
    pub(crate) why: String,
    /// What to type; `None` where no command does it.
    pub(crate) command: Option<String>,
}

/// More repeats and the command for them.
struct More {
    /// How many more of each condition.
    more: usize,
    command: String,
}

/// The most useful next step; `None` if nothing is open, or while a run goes on.
pub(crate) fn next_step(judged: &Judged<'_>) -> Option<NextStep> {
    let step = |why: String, command: String| Some(NextStep { why, command: Some(command) });
    if judged.data.cells.is_empty() || judged.data.live.is_some() {
        return None;
    }
    let of = |kind: ProblemKind| {
        let first = |cell: &&crate::report::data::CellData| cell.problems.first().map(|problem| problem.kind());
        judged.data.cells.iter().filter(|cell| first(cell) == Some(kind)).count()
    };
    match (of(ProblemKind::Failed), of(ProblemKind::Waiting)) {
        (0, 0) => {}
        (0, waiting) => {
            let are = if waiting == 1 { "is" } else { "are" };
            return step(
                format!("{} {are} not finished. Go on where it stopped:", count(waiting, "cell")),
                retry(judged),
            );
        }
        (failed, _) => {
            let why = format!(
                "{} failed. Mend the cause (it stands below) and run again; only what is missing is done:",
                count(failed, "cell")
            );
            return step(why, retry(judged));
        }
    }
    if let Some(step) = slower(judged) {
        return Some(step);
    }
    if judged.question == Question::Train {
        let why =
            format!("Hold {HELD_OUT} photos out, so that the report can say what the model does beyond its photos:");
        return step(why, runner(judged, "", &format!(" --set dataset.held_out={HELD_OUT}")));
    }
    if let Some(repeats) = repeats(judged) {
        return Some(repeats);
    }
    earlier(judged).or_else(|| more_photos(judged)).or_else(|| fewer_photos(judged))
}

/// Every training diverged: a lower rate.
fn slower(judged: &Judged<'_>) -> Option<NextStep> {
    if !judged.scored().is_empty() || !judged.conditions.iter().flat_map(|c| &c.trainings).any(|t| t.diverged) {
        return None;
    }
    let data = judged.data;
    let key = RATE;
    let swept = data.axes.iter().filter(|axis| axis.key == key).flat_map(|axis| &axis.values);
    let fixed = data.fixed.iter().filter(|setting| setting.key == key).map(|setting| &setting.value);
    let lowest = swept.chain(fixed).filter_map(|value| value.parse::<f64>().ok()).min_by(f64::total_cmp)?;
    let set = if data.axes.iter().any(|axis| axis.key == key) {
        format!("sweep.{key}=[{}]", number(lowest / 10.0))
    } else {
        format!("{key}={}", number(lowest / 10.0))
    };
    Some(NextStep {
        why: "Every training diverged. Try a learning rate that is ten times lower:".to_owned(),
        command: Some(runner(judged, "", &format!(" --set '{set}'"))),
    })
}

/// More trainings of each condition, where they would tell conditions apart.
fn repeats(judged: &Judged<'_>) -> Option<NextStep> {
    let scored = judged.scored();
    if !judged.comparable || scored.is_empty() {
        return None;
    }
    match judged.verdict.method {
        Method::OneTraining | Method::OneCondition if scored.iter().all(|c| judged.verdict.conditions[*c].n < 2) => {
            let more = more(judged, FIRST);
            let why = match scored.len() {
                1 => format!("See what chance does: train it {FIRST} times."),
                _ => format!("See what chance does: train {FIRST} of each condition."),
            };
            Some(NextStep { why, command: Some(more.command) })
        }
        Method::Pooled => {
            let s = judged.verdict.settle.filter(|_| judged.few())?;
            let more = more(judged, s.repeats?);
            let why = chance::settle(judged.title(s.best), judged.title(s.other), more.more);
            Some(NextStep { why, command: Some(more.command) })
        }
        _ => None,
    }
}

/// Training went on after the loss on unseen photos was lowest.
fn earlier(judged: &Judged<'_>) -> Option<NextStep> {
    let data = judged.data;
    if data.axes.iter().any(|axis| axis.key == "generate.checkpoint" || axis.key == "train.steps") {
        return None;
    }
    let all = judged.conditions.iter().flat_map(|c| c.cells(data));
    let mut lowest = Vec::new();
    for cell in all {
        let curve = cell.probe.probe("held_out");
        let (step, loss) = curve.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let last = curve.last()?;
        // A rise of less than a hundredth is no reason to stop.
        lowest.push(if last.1 > loss * 1.01 { step } else { last.0 });
    }
    lowest.sort_by(f64::total_cmp);
    let middle = *lowest.get(lowest.len() / 2)?;
    let last = data.cells.iter().map(|cell| cell.steps).max()? as f64;
    let heart = judged.scored().into_iter().any(|c| side_effects::heart(judged, c).is_some_and(|heart| heart.there));
    (middle > 0.0 && middle < last && heart).then(|| NextStep {
        why: format!("Stop earlier: the error on photos it never saw was lowest after step {middle:.0}."),
        command: Some(runner(judged, "", &format!(" --set train.steps={middle:.0}"))),
    })
}

/// The largest size was still clearly better than the one before.
fn more_photos(judged: &Judged<'_>) -> Option<NextStep> {
    let Enough::MoreMayHelp { .. } = judged.verdict.enough else { return None };
    let axis = judged.axes.get(judged.verdict.sizes?)?;
    let sizes: Vec<u64> = axis.values.iter().filter_map(|value| value.parse().ok()).collect();
    let largest = *sizes.iter().max()?;
    let all: Vec<String> = sizes.iter().chain([&(largest * 2)]).map(u64::to_string).collect();
    Some(NextStep {
        why: format!("More photos may help: put {} more into the folder and train with {} too.", largest, largest * 2),
        command: Some(runner(judged, "", &format!(" --set 'sweep.{}=[{}]'", axis.key, all.join(",")))),
    })
}

/// The smallest size is not clearly worse than any other: fewer photos may do, too.
fn fewer_photos(judged: &Judged<'_>) -> Option<NextStep> {
    let v = &judged.verdict;
    let axis = judged.axes.get(v.sizes?).filter(|_| judged.axes.len() == 1 && order::gained(judged))?;
    let level = *v.order.first()?;
    let smallest = judged.study.conditions.iter().position(|c| c.levels.first() == Some(&level))?;
    if v.method != Method::Pooled {
        return None;
    }
    let behind = v.differences.iter().any(|d| d.call_for(smallest) == Some(Call::Worse));
    let size: u64 = axis.values.get(level)?.parse().ok()?;
    if behind || size < 2 {
        return None;
    }
    let sizes = v.order.iter().filter_map(|level| axis.values.get(*level).copied());
    let fewer = (size / 2).to_string();
    let all: Vec<&str> = [fewer.as_str()].into_iter().chain(sizes).collect();
    Some(NextStep {
        why: "The smallest size did not come out clearly worse than any other, so try fewer photos still:".to_owned(),
        command: Some(runner(judged, "", &format!(" --set 'sweep.{}=[{}]'", axis.key, all.join(",")))),
    })
}

/// What is said beside the numbers where even many trainings would not tell two conditions apart.
pub(super) fn note(judged: &Judged<'_>) -> Option<String> {
    let settle = judged.verdict.settle.filter(|_| judged.comparable && judged.few())?;
    let (a, b) = (judged.title(settle.best), judged.title(settle.other));
    settle.repeats.is_none().then(|| chance::never_settled(a, b))
}

/// The command that runs the study again; only what is missing is done.
pub(crate) fn retry(judged: &Judged<'_>) -> String {
    runner(judged, "", "")
}

/// A command on the study's file.
fn runner(judged: &Judged<'_>, command: &str, options: &str) -> String {
    format!("runner {command}{}{options}", shell_word(&judged.data.file))
}

/// The command that makes that many repeats of each condition.
fn more(judged: &Judged<'_>, repeats: usize) -> More {
    let data = judged.data;
    // The seed that repeats are made by today, else the training's.
    let swept = data.axes.iter().find(|a| axis::is_repeat(&a.key));
    let key = swept.map_or("train.seed", |a| a.key.as_str());
    let own: Vec<u64> = match swept {
        Some(axis) => axis.values.iter().filter_map(|v| v.parse().ok()).collect(),
        None => data.cells.first().map(|c| c.train_seed).into_iter().collect(),
    };
    let more = repeats.saturating_sub(judged.repeats.len());
    let new = (0u64..).filter(|seed| !own.contains(seed)).take(more);
    let seeds: Vec<String> = own.iter().copied().chain(new).map(|seed| seed.to_string()).collect();
    let set = format!(" --set 'sweep.{key}=[{}]'{}", seeds.join(","), without_diverged(judged));
    More { more, command: runner(judged, "", &set) }
}

/// The option that leaves out learning rates with which every training diverged: more of them would diverge, too.
fn without_diverged(judged: &Judged<'_>) -> String {
    let Some(axis) = judged.data.axes.iter().find(|axis| axis.key == RATE) else { return String::new() };
    let of = |value: &&String| {
        let with = |c: &&Condition| c.settings.iter().flatten().any(|s| s.key == RATE && s.value == **value);
        judged.conditions.iter().filter(with).flat_map(|c| &c.trainings).any(|t| !t.diverged)
    };
    let kept: Vec<&str> = axis.values.iter().filter(of).map(String::as_str).collect();
    if kept.is_empty() || kept.len() == axis.values.len() {
        return String::new();
    }
    format!(" --set 'sweep.{RATE}=[{}]'", kept.join(","))
}

/// How long the trainings that would settle it take, from what the finished ones took, in seconds. It stands on the
/// page of costs, because the others are the same however long the work took.
pub(crate) fn seconds(judged: &Judged<'_>) -> Option<f64> {
    let wanted = match judged.verdict.settle.filter(|_| judged.few()) {
        Some(settle) => settle.repeats?,
        None if judged.verdict.method == Method::OneTraining && judged.comparable => FIRST,
        None => return None,
    };
    let of_cells = [Stage::Train, Stage::Generate, Stage::Evaluate];
    let spent: f64 = judged.data.costs.iter().filter(|c| of_cells.contains(&c.stage)).map(|c| c.seconds).sum();
    let trainings: usize = judged.conditions.iter().map(|c| c.trainings.len()).sum();
    let wanted = more(judged, wanted).more * judged.scored().len();
    (trainings > 0 && spent > 0.0).then(|| spent / trainings as f64 * wanted as f64)
}
