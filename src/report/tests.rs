//! The report as a folder: complete, safe, repeatable.

mod probes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::report::data::{Axis, Setting, StudyData};
use crate::report::{ReportError, fixture, write};

/// Every file under `root` with its bytes.
fn read_all(root: &Path) -> BTreeMap<String, Vec<u8>> {
    walkdir::WalkDir::new(root)
        .into_iter()
        .map(|e| e.expect("readable"))
        .filter(|e| e.file_type().is_file())
        .map(|e| {
            let name = e.path().strip_prefix(root).expect("inside").to_string_lossy().replace('\\', "/");
            (name, std::fs::read(e.path()).expect("readable"))
        })
        .collect()
}

/// A folder for sources and one for the report; `RUNNER_FIXTURE_REPORT` names a place to keep the
/// latter and look at it.
fn folders(name: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let out =
        std::env::var_os("RUNNER_FIXTURE_REPORT").map_or_else(|| dir.path().join("out"), PathBuf::from).join(name);
    (dir, out)
}

fn written(data: StudyData, name: &str) -> (tempfile::TempDir, PathBuf, StudyData) {
    let (dir, out) = folders(name);
    let data = fixture::with_files(data, dir.path());
    write(&data, &out, None).expect("writes");
    (dir, out, data)
}

/// The values of an attribute in a page.
fn attributes<'p>(page: &'p str, name: &str) -> Vec<&'p str> {
    let needle = format!(" {name}=\"");
    page.match_indices(&needle).map(|(at, _)| page[at + needle.len()..].split('"').next().unwrap_or_default()).collect()
}

fn check_links(out: &Path, page_name: &str) {
    let page = std::fs::read_to_string(out.join(page_name)).expect("page");
    let mut links = Vec::new();
    for name in ["href", "src"] {
        links.extend(attributes(&page, name));
    }
    assert!(links.len() >= 2, "{page_name} has links");
    for link in links {
        if let Some(anchor) = link.strip_prefix('#') {
            assert!(page.contains(&format!(" id=\"{anchor}\"")), "{page_name}: no section #{anchor}");
            continue;
        }
        assert!(!link.starts_with('/') && !link.contains(':'), "{page_name}: {link} leaves the folder");
        assert!(
            out.join(&*percent_decode_str(link).decode_utf8().expect("UTF-8")).is_file(),
            "{page_name}: {link} is not a file"
        );
    }
    assert!(!page.contains("http://") && !page.contains("https://"), "{page_name} names another site");
}

#[test]
fn every_link_is_a_file_of_the_folder() {
    let (dir, out, _) = written(fixture::study(), "study");
    check_links(&out, "index.html");
    check_links(&out, "cost.html");
    let files = read_all(&out);
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains(&*dir.path().to_string_lossy()), "{name} names a folder of this machine");
    }
    for name in ["grid.png", "loss.png", "probe.png", "summary.png", "loss.csv", "probe.csv", "cells.csv", "report.md"]
    {
        assert!(files.contains_key(name), "{name}");
    }
}

#[test]
fn two_axes_and_an_empty_study_are_written() {
    let (_dir, out, _) = written(fixture::two_axes(), "two_axes");
    check_links(&out, "index.html");
    let (_dir, out) = folders("empty");
    write(&StudyData { name: "empty".into(), ..StudyData::default() }, &out, None).expect("writes");
    let page = std::fs::read_to_string(out.join("index.html")).expect("page");
    assert!(page.contains("Nothing is measured yet."));
}

#[test]
fn the_same_data_give_the_same_bytes() {
    let (dir, out, data) = written(fixture::study(), "twice");
    let first = read_all(&out);
    write(&data, &out, None).expect("writes again");
    assert_eq!(first, read_all(&out));
    // Costs change from run to run; nothing else may.
    let mut slower = data.clone();
    for cost in &mut slower.costs {
        (cost.seconds, cost.created, cost.threads) = (999.0, "2030-01-01T00:00:00Z".into(), 64);
    }
    let elsewhere = dir.path().join("elsewhere");
    write(&slower, &elsewhere, None).expect("writes elsewhere");
    let differing: Vec<String> =
        read_all(&elsewhere).into_iter().filter(|(k, v)| first.get(k) != Some(v)).map(|(k, _)| k).collect();
    assert_eq!(differing, ["cost.csv", "cost.html"]);
}

#[test]
fn nothing_of_the_user_becomes_markup() {
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> 🐶 שלום &amp; --> ]]> {{x}}";
    let mut data = fixture::study();
    data.title = evil.into();
    data.name = evil.into();
    data.fixed[0].value = evil.into();
    data.skipped[0].reason = evil.into();
    data.provenance[0].value = evil.into();
    data.photos[0].name = evil.into();
    data.photos[1].caption = Some(evil.into());
    data.costs[0].device = evil.into();
    data.baselines[0].label = evil.into();
    data.axes[0].values[0] = evil.into();
    for cell in &mut data.cells {
        cell.label = evil.into();
        cell.prompts[0] = evil.into();
        cell.assignments[0].value = evil.into();
        cell.images.iter_mut().for_each(|p| p.prompt = evil.into());
        cell.problems.iter_mut().for_each(|p| p.reason = evil.into());
    }
    let (_dir, out, _) = written(data, "evil");
    for name in ["index.html", "cost.html"] {
        let page = std::fs::read_to_string(out.join(name)).expect("page");
        // A page has its own scripts, before its contents and behind them, and the study as JSON.
        let scripts = if name == "index.html" { 3 } else { 2 };
        assert_eq!(page.matches("<script").count(), scripts, "{name}");
        assert!(!page.contains("<img src=x") && !page.contains("alert(1)</script>"), "{name}");
        // The text is there, escaped, and cannot end an attribute either.
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"), "{name}");
        assert!(page.contains("שלום"), "{name}");
        check_links(&out, name);
    }
    let text = std::fs::read_to_string(out.join("report.md")).expect("page");
    // Code is shown as it is; nothing else of the user stands there unescaped.
    let (mut fenced, mut prose) = (false, String::new());
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose += &line.split('`').step_by(2).collect::<String>();
        }
    }
    assert!(!prose.contains("<script") && text.contains("&lt;script"), "{prose}");
}

#[test]
fn a_name_outside_the_folder_is_refused() {
    let (dir, out) = folders("escape");
    let mut data = fixture::with_files(fixture::study(), dir.path());
    data.files[0].to = "../outside.png".into();
    assert!(matches!(write(&data, &out, None), Err(ReportError::Name(_))));
}

#[test]
fn a_damaged_image_is_an_error_with_its_name() {
    let (dir, out) = folders("damaged");
    let mut data = fixture::with_files(fixture::study(), dir.path());
    let picture = data.files.iter_mut().find(|f| f.to.contains("p00_s0")).expect("a picture");
    std::fs::write(&picture.from.path, b"not a picture").expect("writes");
    let changed = picture.from.path.display().to_string();
    let entry = crate::store::FileEntry::of(b"not a picture");
    let error = write(&data, &out, None).expect_err("refused").to_string();
    assert!(error.contains(&format!("{changed}: it was changed after it was stored")), "{error}");
    let picture = data.files.iter_mut().find(|f| f.to.contains("p00_s0")).expect("a picture");
    picture.from.entry = entry;
    let error = write(&data, &out, None).expect_err("refused").to_string();
    assert!(error.contains("p00_s0.png is not a readable image"), "{error}");
}

#[test]
fn wide_images_get_thumbnails() {
    let mut data = fixture::study();
    for image in data.baselines.iter_mut().flat_map(|b| &mut b.images) {
        (image.width, image.height) = (512, 512);
    }
    let (_dir, out, _) = written(data, "wide");
    assert!(out.join("thumbnails/images/baseline/p00_s0.png.jpg").is_file());
    check_links(&out, "index.html");
}

#[test]
fn a_failed_cell_shows_its_reason() {
    let (_dir, out, _) = written(fixture::study(), "failed");
    let page = std::fs::read_to_string(out.join("index.html")).expect("page");
    // Four prompt images, two drift images, the table of numbers and the list of problems.
    assert!(page.matches("the loss is not finite; lower the learning rate").count() >= 3);
}

#[test]
fn small_parts_are_as_before() {
    let (_dir, out, _) = written(fixture::study(), "parts");
    let page = std::fs::read_to_string(out.join("index.html")).expect("page");
    let part = |id: &str| {
        let start = page.find(&format!("<section id=\"{id}\"")).expect("section");
        page[start..].split_inclusive("</section>").next().unwrap_or_default().replace("><", ">\n<")
    };
    insta::assert_snapshot!("numbers", part("numbers"));
    insta::assert_snapshot!("settings", part("settings"));
    insta::assert_snapshot!("problems", part("problems"));
}
