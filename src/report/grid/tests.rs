//! The comparison as a page without scripts has it.

use super::{Compare, markup};
use crate::report::data::{Axis, Group, Setting, StudyData};
use crate::report::fixture;

/// Sizes and ranks, each kept after two steps, with other losses.
fn steps() -> StudyData {
    let mut data = fixture::two_axes();
    data.axes.push(Axis { key: "generate.checkpoint".into(), values: vec!["60".into(), "120".into()] });
    let cells = std::mem::take(&mut data.cells);
    for cell in cells {
        for (step, loss) in [("60", 0.25), ("120", 0.3)] {
            let mut cell = cell.clone();
            cell.assignments.push(Setting { key: "generate.checkpoint".into(), value: step.into() });
            let folder = format!("{}_{step}", cell.slug);
            cell.images
                .iter_mut()
                .for_each(|p| p.file = p.file.replace(&format!("/{}/", cell.slug), &format!("/{folder}/")));
            cell.metrics.as_mut().expect("measured").insert("probe_held_out".into(), loss);
            data.cells.push(cell);
        }
    }
    data.baselines[0].cells = (0..data.cells.len()).collect();
    data
}

fn page(data: &StudyData, group: Group) -> String {
    markup(&Compare::new(data, group, "main", "Images of the prompts")).into_string()
}

#[test]
fn every_image_is_there_once_and_the_base_models_in_each_table() {
    let data = steps();
    for group in [Group::Prompt, Group::Drift] {
        let page = page(&data, group);
        let tables = page.matches("<table").count();
        assert_eq!(tables, 4);
        let times = |file: &str| page.matches(&format!(" src=\"{}\"", file.replace('=', "%3D"))).count();
        for p in data.cells.iter().flat_map(|c| &c.images).filter(|p| p.group == group) {
            assert_eq!(times(&p.file), 1, "{}", p.file);
        }
        for p in data.baselines[0].images.iter().filter(|p| p.group == group) {
            assert_eq!(times(&p.file), tables, "{}", p.file);
        }
        let by_name = data.baselines[0].images.iter().filter(|p| p.group == Group::Baseline);
        let expected = if group == Group::Prompt { tables } else { 0 };
        assert!(by_name.into_iter().all(|p| times(&p.file) == expected));
        // The real one, with a photo that is never trained on.
        assert_eq!(page.matches("data-id=\"f").count(), 3);
        assert_eq!(page.matches("never trained on").count(), 1);
    }
}

#[test]
fn each_table_says_its_losses_and_the_lowest() {
    let page = page(&steps(), Group::Prompt);
    let said = "Loss on photos it never saw: 2 photos 0.3000 (lowest after step 60) and 4 photos 0.3000 (lowest after \
                step 60).";
    assert_eq!(page.matches(said).count(), 2);
    assert_eq!(page.matches("0.2500 (the lowest)").count(), 4);
    assert_eq!(page.matches("data-lowest=\"0\"").count(), 4);
    assert!(page.contains("aria-label=\"Images of the prompts: rank 4, after step 60\""));
    assert!(!self::page(&fixture::study(), Group::Prompt).contains("never saw"));
}

#[test]
fn further_seeds_are_folded_and_long_prompts_cut() {
    let mut data = fixture::study();
    data.cells.iter_mut().for_each(|c| c.seeds = vec![0, 1, 2, 3]);
    let long = "word ".repeat(40);
    data.cells.iter_mut().for_each(|c| c.prompts[0].clone_from(&long));
    let page = page(&data, Group::Prompt);
    assert_eq!(page.matches("<tr class=\"more\">").count(), 4);
    assert_eq!(page.matches("all 4 seeds").count(), 3, "one for each prompt and one for all");
    assert_eq!(page.matches("<details class=\"long\">").count(), 1);
    assert!(page.contains(long.trim_end()), "the whole text is there");
}
