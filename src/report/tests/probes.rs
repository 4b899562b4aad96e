//! Sections that are made of probe values.

use super::*;
use crate::records::probe_values::{ProbeValueRow, Words};
use crate::records::rows::Split;
use crate::report::data::Probes;

/// A study of one training with three checkpoints and the probe values of `held_out` photos. Each number is the change
/// of the loss at a checkpoint.
fn with_probes(held_out: usize, changes: [f64; 3]) -> StudyData {
    let rows = |words: &[(Words, f64)]| -> Vec<ProbeValueRow> {
        let mut rows = Vec::new();
        for (words, change) in words {
            for (split, photos) in [(Split::Train, 2), (Split::HeldOut, held_out)] {
                for (photo, time) in (0..photos).flat_map(|photo| [50.0, 500.0, 950.0].map(|time| (photo, time))) {
                    let loss = 0.3 + change + 0.01 * (photo as f64) - 0.0001 * f64::from(time);
                    rows.push(ProbeValueRow { words: *words, split, photo: format!("p{photo}"), timestep: time, loss });
                }
            }
        }
        rows
    };
    let mut data = fixture::study();
    let (axis, steps) = ("generate.checkpoint", [100, 200, 400]);
    data.axes = vec![Axis { key: axis.into(), values: steps.map(|step| step.to_string()).to_vec() }];
    data.cells = steps
        .into_iter()
        .zip(changes)
        .map(|(step, change)| {
            let mut cell = data.cells[0].clone();
            (cell.label, cell.slug) = (format!("{axis}={step}"), format!("{axis}={step}"));
            cell.adapters = vec![format!("adapters/{axis}={step}/step_{step:06}.safetensors")];
            cell.assignments = vec![Setting { key: axis.into(), value: step.to_string() }];
            (cell.steps, cell.checkpoint) = (step, Some(step).filter(|step| *step < 400));
            cell.words = ["aawxbc", "figurine", "shin-chan"].map(str::to_owned);
            cell.probes = Probes {
                base_job: "base".into(),
                job: step.to_string(),
                base: rows(&[(Words::Identifier, 0.001), (Words::Class, 0.0), (Words::Name, -0.02)]),
                after: rows(&[(Words::Identifier, change), (Words::Class, change / 2.0)]),
            };
            cell
        })
        .collect();
    data
}

#[test]
fn the_name_is_tested_by_its_loss() {
    let (_dir, out, _) = written(with_probes(5, [-0.05, -0.08, -0.06]), "name-test");
    let page = std::fs::read_to_string(out.join("report.md")).expect("text");
    assert!(page.contains("it knows something of the subject by its name"), "{page}");
    assert!(page.contains("| name \"shin-chan\" | 0.2500 | −0.0200 (−0.0200 to −0.0200) |"), "{page}");
    assert!(
        page.contains("| after step 200 | −0.0810 (−0.0810 to −0.0810) | −0.0400 (−0.0400 to −0.0400) |"),
        "{page}"
    );
    let csv = std::fs::read_to_string(out.join("probe_values.csv")).expect("table");
    let line = "generate.checkpoint=200,200,class,held_out,p0,50,";
    assert!(csv.starts_with("cell,step,words,split,photo,timestep,loss\n") && csv.contains(line), "{csv}");
    check_links(&out, "index.html");
    // Without values there is neither a table nor a file.
    let (_dir, out, _) = written(fixture::study(), "no-name-test");
    let page = std::fs::read_to_string(out.join("report.md")).expect("text");
    assert!(!page.contains("## Does the base model know it by name?") && !out.join("probe_values.csv").exists());
}

#[test]
fn the_checkpoint_to_keep_is_chosen_on_other_photos_than_it_is_measured_on() {
    let said = |data: StudyData| {
        let (_dir, out, _) = written(data, "keep");
        let page = std::fs::read_to_string(out.join("report.md")).expect("text");
        page.split("## Which one to keep")
            .nth(1)
            .unwrap_or_default()
            .trim()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let clear = said(with_probes(5, [-0.05, -0.08, -0.06]));
    let expected = "Keep the adapter after step 200: of 3 adapters of one training, it has the lowest loss on each \
                    half of the 5 held-out photos.";
    assert!(clear.starts_with(expected), "{clear}");
    let few = said(with_probes(3, [-0.05, -0.08, -0.06]));
    assert!(
        few.starts_with("The adapter after step 200 has the lowest held-out loss. With 3 held-out photos"),
        "{few}"
    );
    let worse = said(with_probes(5, [0.05, 0.08, 0.06]));
    assert!(worse.contains("None is better than the base model"), "{worse}");
    let diverged = said(with_probes(5, [-0.05, -0.08, f64::NAN]));
    assert!(diverged.contains("of 2 adapters") && diverged.contains("1 adapter diverged."), "{diverged}");
    let mut halves = with_probes(5, [-0.05, -0.08, -0.06]);
    // One half of the photos likes another step.
    for row in &mut halves.cells[2].probes.after {
        let likes = crate::measures::verdict::choose::halves(5)[1].iter().any(|photo| row.photo == format!("p{photo}"));
        row.loss -= if likes { 0.1 } else { 0.0 };
    }
    let unclear = said(halves);
    assert!(unclear.starts_with("No clear choice of 3 adapters of one training"), "{unclear}");
    assert_eq!(said(fixture::study()), "");
}
