//! The report of whole studies: whose it is, which cells it is about, and what it says of them.

mod common;

use common::{SMALL, Study};
use std::{fs, path::Path};

/// The small study without what takes time here: two sizes, one image each.
fn quick(name: &str, more: &str) -> String {
    let text =
        SMALL.replace("images = 2", "images = 0").replace("steps = 6", "steps = 2").replace("steps = 3", "steps = 1");
    let text = text.replace("seeds = [0, 1]", "seeds = [0]").replace("\"small\"", &format!("{name:?}"));
    text.replace("baseline_prompts = [\"a {name} {class}\"]", "baseline_prompts = []") + more
}

fn read(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap()
}

#[test]
fn two_experiments_of_one_name_do_not_replace_each_others_report() {
    let study = Study::new(&quick("same", ""));
    study.write("other.toml", &quick("same", "").replace("rank = 2", "rank = 1"));
    study.expect(0, &["study.toml"]);
    let report = study.path().join("reports/same");
    let first = read(&report, "cells.csv");
    let trainings = || fs::read_dir(study.path().join("reports/.store/train")).unwrap().count();
    let before = trainings();

    for arguments in [&["other.toml"][..], &["report", "other.toml"]] {
        let said = study.expect(96, arguments);
        assert!(said.contains("study.toml") && said.contains("--replace"), "{said}");
    }
    assert!(study.expect(0, &["plan", "other.toml"]).contains("a run would refuse"));
    assert_eq!(
        (trainings(), read(&report, "cells.csv")),
        (before, first.clone()),
        "nothing was done before it was told"
    );
    // The same file with another setting is the same study, from wherever it is run.
    study.expect(0, &["report", "study.toml", "--set", "title=New"]);
    let absolute = study.path().join("data/../study.toml");
    study.expect(0, &["report", absolute.to_str().unwrap()]);

    study.expect(0, &["report", "other.toml", "--replace"]);
    assert!(read(&report, "cells.csv").contains("not run"));
    assert!(study.expect(96, &["report", "study.toml"]).contains("other.toml"));
    study.expect(0, &["report", "study.toml", "--replace"]);
    assert_eq!(read(&report, "cells.csv"), first);
}

#[test]
fn a_report_is_about_all_cells_of_the_file() {
    let study = Study::new(&quick("whole", ""));
    let report = study.path().join("reports/whole");
    study.expect(0, &["study.toml", "--only", "dataset.size=1"]);
    let cells = read(&report, "cells.csv");
    assert_eq!(cells.lines().count(), 3, "{cells}");
    assert!(cells.contains("dataset.size=1,1,done") && cells.contains("dataset.size=2,2,not run"), "{cells}");
    assert!(read(&report, "report.md").contains("1 of 2 cells is not finished"));
    study.expect(0, &["study.toml", "--only", "dataset.size=2"]);
    let both = study.results();
    assert!(read(&report, "report.md").contains("2 of 2 cells complete."));
    study.expect(0, &["report", "study.toml", "--only", "dataset.size=2"]);
    assert_eq!(study.results(), both);
    study.expect(0, &["study.toml"]);
    assert_eq!(study.results(), both);
}

#[test]
fn cells_of_one_training_are_not_counted_as_several() {
    let sweep = "generate.guidance_scale = [1.0, 3.0]\ngenerate.seeds = [[0], [1]]";
    let text = quick("once", "").replace("dataset.size = [1, 2]", sweep).replace("held_out = 1", "held_out = 0");
    let study = Study::new(&text);
    study.expect(0, &["study.toml"]);
    let said = read(&study.path().join("reports/once"), "report.md");
    assert!(said.contains("This is one training") && said.contains("4 cells share 1 training"), "{said}");
    assert!(said.contains("No photo is held out") && !said.contains("Nothing is measured"), "{said}");
}
