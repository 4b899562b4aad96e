//! What a page says of work that is going on, or that has stopped before its end.

use maud::{Markup, html};

use crate::report::data::{Live, Running, StudyData};
use crate::report::naming::words;
use crate::report::style::copy::button;
use crate::stage::Stage;
use crate::text;
use crate::text::shell_word;

/// A page of a run that is going on is loaded again this often, in seconds.
pub(crate) const RELOAD: u64 = 30;

/// What stands at the top of a page that is not the last word; nothing if every cell is complete.
pub(crate) fn banner(data: &StudyData) -> Markup {
    let command = format!("runner {}", shell_word(&data.file));
    match &data.live {
        Some(live) => html! {
            div.banner id="live" role="status" data-written=(live.written) data-every=(RELOAD) {
                p { b { (now(data, live)) } " The page loads itself again and keeps your place." }
                p.stale hidden {
                    "Nothing was written for " span {} ". If nothing runs any more, go on with: "
                    code { (command) } " " (button(&command, "copy"))
                }
            }
        },
        None if data.complete_cells() < data.cells.len() => html! {
            div.banner {
                p {
                    b { (unfinished(data)) }
                    " To go on: " code { (command) } " " (button(&command, "copy"))
                }
            }
        },
        None => html! {},
    }
}

/// How many cells are complete, where not all are.
fn unfinished(data: &StudyData) -> String {
    let (complete, all) = (data.complete_cells(), text::count(data.cells.len(), "cell"));
    let is = if complete == 1 { "is" } else { "are" };
    let failed = match data.failed_cells() {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    format!("This study is not finished: {complete} of {all} {is} complete{failed}.")
}

/// `Now: the training, cell 3 of 9, step 66 of 200, about 7 min left.`
fn now(data: &StudyData, live: &Live) -> String {
    let Some(running) = &live.running else { return "A run is going on.".to_owned() };
    let mut parts = vec![words::stage_name(running.stage).to_owned(), of_cells(data, &running.cells)];
    parts.extend(place(running));
    parts.extend(live.seconds_left.map(|left| format!("about {} left", text::rough_duration(left))));
    parts.retain(|part| !part.is_empty());
    format!("Now: {}.", parts.join(", "))
}

/// `cell 3 of 9`, or how many cells share the work.
fn of_cells(data: &StudyData, indices: &[usize]) -> String {
    let all = data.cells.len();
    match indices {
        [] => String::new(),
        [_] if all == 1 => String::new(),
        [one] => format!("cell {} of {all}", one + 1),
        many if many.len() == all => "for all cells".to_owned(),
        many => format!("for {} of {all} cells", many.len()),
    }
}

/// `step 66 of 200`.
pub(crate) fn place(running: &Running) -> Option<String> {
    let unit = running.unit.strip_suffix('s').unwrap_or(&running.unit);
    (running.total > 0).then(|| format!("{unit} {} of {}", running.done, running.total))
}

/// `being trained: step 66 of 200`.
pub(crate) fn being_made(stage: Stage, place: Option<String>) -> String {
    let what = match stage {
        Stage::Prepare => "the photos are being prepared",
        Stage::Baseline => "the baseline images are being made",
        Stage::ClassImages => "the class images are being made",
        Stage::Train => "being trained",
        Stage::Generate => "being made",
        Stage::Evaluate | Stage::Features | Stage::Probe => "being measured",
    };
    place.map_or_else(|| what.to_owned(), |place| format!("{what}: {place}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::report::sections;

    fn running(cells: Vec<usize>) -> Running {
        Running { stage: Stage::Train, key: "k".into(), cells, done: 66, total: 200, unit: "steps".into() }
    }

    #[test]
    fn the_banner_says_what_goes_on() {
        let data = fixture::study();
        let said = |cells: Vec<usize>, seconds_left| {
            let live = Live { running: Some(running(cells)), seconds_left, written: 0 };
            now(&data, &live)
        };
        assert_eq!(said(vec![1], Some(420.0)), "Now: the training, cell 2 of 3, step 66 of 200, about 7 min left.");
        assert_eq!(said(vec![0, 1, 2], None), "Now: the training, for all cells, step 66 of 200.");
        assert_eq!(said(vec![0, 1], None), "Now: the training, for 2 of 3 cells, step 66 of 200.");
        let live = Live { running: Some(Running { total: 0, ..running(vec![]) }), ..Live::default() };
        assert_eq!(now(&data, &live), "Now: the training.");
        assert_eq!(now(&data, &Live::default()), "A run is going on.");
        assert_eq!(being_made(Stage::Train, place(&running(vec![]))), "being trained: step 66 of 200");
    }

    #[test]
    fn only_a_page_of_a_run_loads_itself_again() {
        let mut data = fixture::study();
        data.file = "my dog.toml".into();
        let page = |data: &StudyData| {
            let judged = crate::report::finding::judged(data);
            let charts = sections::Charts::default();
            let page = sections::Page { data, judged: &judged, other: None, charts };
            crate::report::page::index::page(&page, &sections::all(&page))
        };
        let stays = page(&data);
        assert!(stays.contains("2 of 3 cells are complete, 1 failed."));
        assert!(!stays.contains("http-equiv=\"refresh\"") && !stays.contains("id=\"live\""));
        data.live = Some(Live { written: 1_700_000_000, ..Live::default() });
        let live = page(&data);
        assert!(live.contains("http-equiv=\"refresh\" content=\"30\"") && live.contains("data-written=\"1700000000\""));
        assert!(live.contains("runner &#39;my dog.toml&#39;") || live.contains("runner 'my dog.toml'"), "quoted");
        data.live = None;
        data.cells[0].problems = data.cells[2].problems.clone();
        data.cells[0].problems[0].failed = false;
        let stopped = page(&data);
        assert!(stopped.contains("This study is not finished") && !stopped.contains("http-equiv=\"refresh\""));
    }
}
