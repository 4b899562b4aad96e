//! `runner photos`: what is said against photos and masks, by the real program, on real pictures.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use image::RgbImage;
use image::imageops::{self, FilterType};
use runner::choice::Crop;
use runner::photos::check::{Finding, Kind, Usage, findings};
use runner::photos::{Memory, Scan, order, split, survey};
use serde_json::Value;

fn demo_folder() -> PathBuf {
    common::root().join("experiments/data/shinchan")
}

fn demo(number: usize) -> RgbImage {
    image::open(demo_folder().join(format!("{number:02}.jpg"))).unwrap().into_rgb8()
}

/// A folder of photos.
struct Photos(tempfile::TempDir);

impl Photos {
    /// Some photos of the demo.
    fn of(numbers: &[usize]) -> Self {
        let photos = Self(tempfile::tempdir().unwrap());
        for number in numbers {
            let name = format!("{number:02}.jpg");
            std::fs::copy(demo_folder().join(&name), photos.path(&name)).unwrap();
        }
        photos
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn save(&self, name: &str, image: &RgbImage) -> &Self {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        image.save(self.path(name)).unwrap();
        self
    }

    fn survey(&self, masks: Option<&Path>) -> (Scan, Vec<Finding>) {
        survey(&[self.0.path().to_owned()], masks, &mut Memory::default())
    }

    /// Everything that is found when all photos are trained on.
    fn found(&self, resolution: usize) -> Vec<(Kind, Vec<String>)> {
        let (scan, mut all) = self.survey(None);
        all.extend(findings(&scan, &BTreeSet::from([Usage::of_all(resolution, Crop::Center)])));
        all.into_iter().map(|finding| (finding.kind, finding.files)).collect()
    }

    /// The program's answer in JSON, with its exit code.
    fn json(&self, arguments: &[&str]) -> (Value, i32) {
        let elsewhere = tempfile::tempdir().unwrap();
        let mut runner = common::runner(elsewhere.path());
        let output = runner.args(["photos", "--format", "json"]).arg(self.0.path()).args(arguments).output().unwrap();
        (serde_json::from_slice(&output.stdout).unwrap(), output.status.code().unwrap())
    }
}

fn files(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn cut(image: &RgbImage) -> RgbImage {
    let (w, h) = image.dimensions();
    imageops::crop_imm(image, w / 12, h / 20, w - w / 6, h - h / 10).to_image()
}

#[test]
fn nothing_is_said_against_the_photos_of_the_demo() {
    let (scan, problems) = survey(&[demo_folder()], None, &mut Memory::default());
    assert!(problems.is_empty() && scan.photos.len() == 30);
    let usages: BTreeSet<Usage> = (0..20).map(|seed| Usage::of_cell(128, Crop::Center, seed, 5)).collect();
    assert_eq!(findings(&scan, &usages), []);
}

#[test]
fn each_photo_that_is_odd_is_named_with_what_to_do() {
    let photos = Photos::of(&[0, 2, 5, 9, 12, 17]);
    let wide = imageops::resize(&demo(21), 512, 256, FilterType::Triangle);
    photos
        .save("blurred.png", &imageops::blur(&demo(13), 3.0))
        .save("cut.png", &cut(&demo(9)))
        .save("mirrored.png", &imageops::flip_horizontal(&demo(2)))
        .save("small.png", &imageops::resize(&demo(24), 100, 80, FilterType::Triangle))
        .save("twin.png", &demo(0))
        .save("wide.png", &wide);
    std::fs::write(photos.path("note.doc"), "a note").unwrap();
    std::fs::write(photos.path("half.jpg"), &std::fs::read(photos.path("12.jpg")).unwrap()[..3000]).unwrap();
    let (answer, exit) = photos.json(&["--resolution", "256"]);
    assert_eq!(exit, 96, "{answer}");
    let all = answer["findings"].as_array().unwrap();
    let of = |kind: &str| -> Vec<Vec<&str>> {
        let of_kind = all.iter().filter(|finding| finding["kind"] == kind);
        of_kind.map(|f| f["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect()).collect()
    };
    assert_eq!(of("blurred"), [["blurred.png"]], "{answer}");
    assert_eq!(of("cut-copy"), [["09.jpg", "cut.png"]]);
    assert_eq!(of("alike"), [["02.jpg", "mirrored.png"]]);
    assert_eq!(of("copy"), [["twin.png"]]);
    assert_eq!(of("tiny"), [["cut.png"], ["small.png"]]);
    assert_eq!(of("cropped"), [["wide.png"]]);
    assert_eq!(of("left-out"), [["note.doc"]]);
    assert!(of("unreadable").len() == 1 && of("unreadable")[0][0].ends_with("half.jpg"));
    assert!(all.iter().all(|finding| finding["message"].as_str().is_some_and(|text| !text.is_empty())));
    assert_eq!(all[0]["kind"], "unreadable", "the worst comes first");
    // The other photos were looked at all the same. Without the damaged one these are warnings.
    assert_eq!(answer["photos"].as_array().unwrap().len(), 11);
    std::fs::remove_file(photos.path("half.jpg")).unwrap();
    assert_eq!(photos.json(&["--resolution", "256"]).1, 0);
}

#[test]
fn too_little_variety_is_told() {
    let copies = Photos::of(&[1, 3, 4]);
    copies.save("a.png", &imageops::blur(&demo(1), 1.0)).save("b.png", &cut(&demo(3)));
    assert!(copies.found(64).contains(&(Kind::FewPictures, Vec::new())));
    // The same street behind another figurine each.
    let places = Photos::of(&[]);
    for number in [0, 3, 5, 10, 12, 15] {
        let mut street = imageops::resize(&demo(17), 256, 256, FilterType::Triangle);
        let figurine = imageops::resize(&demo(number), 256, 256, FilterType::Triangle);
        imageops::replace(&mut street, &imageops::crop_imm(&figurine, 60, 40, 136, 176).to_image(), 60, 40);
        places.save(&format!("{number}.png"), &street);
    }
    assert_eq!(places.found(64), [(Kind::OneBackground, Vec::new())]);
}

/// A study of these photos in their folder.
fn study(photos: &Photos, more: &str) -> PathBuf {
    let root = common::root().display();
    let file = photos.path("study.toml");
    let text = format!(
        "[model]\nbase = \"{root}/experiments/models/toyworld\"\n[subject]\nidentifier = \"aawxbc\"\n\
         class = \"figurine\"\n[dataset]\nimages = \".\"\nsize = 4\nheld_out = 2\nresolution = 64\n{more}"
    );
    std::fs::write(&file, text).unwrap();
    file
}

fn plan(photos: &Photos, more: &str) -> (String, Value) {
    let file = study(photos, more);
    let mut runner = common::runner(photos.0.path());
    let output = runner.args(["plan", "--format", "json"]).arg(file).output().unwrap();
    let warnings = String::from_utf8(output.stderr).unwrap();
    (warnings, serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

#[test]
fn a_photo_that_was_cut_out_of_another_one_stays_on_its_side_of_the_split() {
    let photos = Photos::of(&[0, 2, 5, 9, 12]);
    let before = photos.survey(None).0;
    photos.save("cut.jpg", &imageops::flip_horizontal(&cut(&demo(9))));
    let (scan, _) = photos.survey(None);
    let names = |scan: &Scan, side: &[usize]| -> BTreeSet<String> {
        side.iter().map(|&photo| scan.photos[photo].name.clone()).collect()
    };
    let pair: BTreeSet<String> = ["09.jpg", "cut.jpg"].map(str::to_owned).into();
    let moved = |seed: u64| -> Vec<(Kind, Vec<String>, String)> {
        let usage = Usage::of_cell(64, Crop::Center, seed, 2);
        let all = findings(&scan, &BTreeSet::from([usage])).into_iter();
        all.filter(|finding| finding.kind == Kind::Moved).map(|f| (f.kind, f.files, f.detail)).collect()
    };
    for seed in 0..100 {
        let divided = split(&scan, seed, 2);
        let held = names(&scan, &divided.held_out);
        assert!(held == pair || held.is_disjoint(&pair), "{seed}: {held:?}");
        // What is told is the difference to the plain order, and nothing is told where there is none.
        let plain = order(&scan.photos, seed);
        let plain = names(&scan, &plain[4..]);
        let expected: BTreeSet<String> = plain.symmetric_difference(&held).cloned().collect();
        assert_eq!(moved(seed).into_iter().flat_map(|(_, files, _)| files).collect::<BTreeSet<_>>(), expected);
        // Photos without copies are divided as before.
        let divided = split(&before, seed, 2);
        assert_eq!(divided.held_out, order(&before.photos, seed)[3..]);
    }
    let seed = (0..100).find(|seed| moved(*seed).len() == 2).expect("half of the seeds divide the pair");
    let (warnings, _) = plan(&photos, &format!("seed = {seed}\n"));
    let line = warnings.lines().find(|line| line.contains("changed sides")).unwrap_or_else(|| panic!("{warnings}"));
    assert!(line.contains("(now held out)") && line.contains("(no longer held out)"), "{line}");
    let output = common::runner(photos.0.path()).args(["photos", "study.toml"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("changed sides") && text.contains("cut.jpg"), "{text}");
}

/// White between two columns, black elsewhere.
fn mask(size: (u32, u32), white: std::ops::Range<u32>) -> image::GrayImage {
    image::GrayImage::from_fn(size.0, size.1, |x, _| image::Luma([if white.contains(&x) { 255 } else { 0 }]))
}

#[test]
fn masks_are_found_and_tell_how_much_of_the_subject_is_cut() {
    let photos = Photos::of(&[0, 3]);
    let (width, height) = demo(3).dimensions();
    mask((width, height), 0..width / 2).save(photos.path("03.mask.png")).unwrap();
    let (scan, problems) = photos.survey(None);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(scan.photos.len(), 2, "a mask is no photo");
    assert!(scan.masks.len() == 1 && (scan.masks.values().next().unwrap().share() - 0.5).abs() < 0.01);
    // 320 × 256: the square begins at column 32, so 32 of the subject's 160 columns are cut.
    let found = photos.found(64);
    let expected = [(Kind::SubjectCut, files(&["03.jpg"])), (Kind::FewMasks, files(&["00.jpg"]))];
    assert_eq!(found, expected);
    let (answer, _) = photos.json(&[]);
    let cut = answer["photos"][1]["subject_cut"].as_f64().unwrap();
    assert!((cut - 0.2).abs() < 0.01, "{answer}");
}

#[test]
fn a_folder_of_masks_holds_no_photos() {
    let photos = Photos::of(&[0, 2, 3, 5, 7, 10]);
    std::fs::create_dir(photos.path("masks")).unwrap();
    // A quarter of the size does, too.
    mask((64, 64), 10..50).save(photos.path("masks/00.png")).unwrap();
    let (width, height) = demo(3).dimensions();
    mask((width, height), 100..200).save(photos.path("masks/03.jpg.png")).unwrap();
    mask((9, 9), 1..5).save(photos.path("masks/04.png")).unwrap();
    let (scan, problems) = photos.survey(Some(&photos.path("masks")));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!((scan.photos.len(), scan.masks.len()), (6, 2));
    assert_eq!(scan.skipped.len(), 1);
    assert!(scan.skipped[0].path.ends_with("masks/04.png") && scan.skipped[0].reason.starts_with("a mask without"));
    let (warnings, planned) = plan(&photos, "masks = \"masks\"\n");
    assert!(planned.is_object() && warnings.contains("Some photos have no mask: 02.jpg, 05.jpg"), "{warnings}");
}

#[test]
fn masks_that_cannot_be_used_are_told_with_the_reason() {
    let photos = Photos::of(&[0, 2, 5, 7, 10]);
    let size = demo(0).dimensions();
    mask((size.0, size.1 / 2), 0..9).save(photos.path("00.mask.png")).unwrap();
    RgbImage::from_pixel(256, 256, image::Rgb([9, 99, 9])).save(photos.path("02.mask.png")).unwrap();
    mask(demo(5).dimensions(), 0..0).save(photos.path("05.mask.png")).unwrap();
    image::RgbaImage::new(256, 256).save(photos.path("07.mask.png")).unwrap();
    std::fs::write(photos.path("10.mask.png"), b"\x89PNG\r\n\x1a\nnonsense").unwrap();
    let (answer, exit) = photos.json(&[]);
    assert_eq!(exit, 96);
    let bad = answer["findings"].as_array().unwrap().iter().filter(|finding| finding["kind"] == "bad-mask");
    let reasons: Vec<&str> = bad.map(|finding| finding["detail"].as_str().unwrap()).collect();
    let expected = ["another shape", "coloured", "black all over", "partly transparent", "PNG"];
    assert_eq!(reasons.len(), expected.len(), "{reasons:?}");
    for (reason, expected) in reasons.iter().zip(expected) {
        assert!(reason.contains(expected) && reason.contains("remove it"), "{reason}");
    }
    let (problems, planned) = plan(&photos, "");
    assert!(planned.is_null() && problems.matches("a mask cannot be used").count() == 5, "{problems}");
}

#[test]
fn masks_change_the_key_of_the_prepared_photos_only() {
    let photos = Photos::of(&[0, 2, 5, 7, 10, 15]);
    let keys = |plan: &Value, stage: &str| -> Vec<String> {
        let jobs = plan["jobs"].as_array().unwrap().iter().filter(|job| job["stage"] == stage);
        jobs.map(|job| job["key"].as_str().unwrap().to_owned()).collect()
    };
    let before = plan(&photos, "").1;
    for number in [0, 2, 5, 7, 10, 15] {
        mask(demo(number).dimensions(), 60..200).save(photos.path(&format!("{number:02}.mask.png"))).unwrap();
    }
    let after = plan(&photos, "").1;
    assert_ne!(keys(&before, "prepare"), keys(&after, "prepare"));
    for stage in ["baseline", "class_images", "train", "generate"] {
        assert_eq!(keys(&before, stage), keys(&after, stage), "{stage}");
    }
}

#[test]
fn what_was_found_is_remembered() {
    let photos = Photos::of(&[0, 2, 5]);
    mask(demo(2).dimensions(), 60..200).save(photos.path("02.mask.png")).unwrap();
    let project = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(project.path().join("reports/.store")).unwrap();
    let run = || {
        let output = common::runner(project.path()).arg("photos").arg(photos.0.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let first = run();
    let kept = std::fs::read_to_string(project.path().join("reports/.store/.photos.txt")).unwrap();
    assert_eq!(kept.lines().count(), 5, "a head, three photos and a mask");
    assert_eq!(run(), first);
    let name = photos.0.path().display();
    assert!(first.contains(&format!("3 usable photos in {name}")), "{first}");
}

#[test]
fn a_folder_without_photos_is_exit_code_96() {
    let photos = Photos::of(&[]);
    assert_eq!(photos.json(&[]).1, 96);
    let missing = common::runner(photos.0.path()).args(["photos", "nowhere"]).output().unwrap();
    let text = String::from_utf8(missing.stdout).unwrap();
    assert!(missing.status.code() == Some(96) && text.contains("nowhere (no such file or folder)"), "{text}");
}

#[test]
fn options_that_would_not_count_are_refused() {
    let photos = Photos::of(&[0, 2]);
    std::fs::write(photos.path("study.toml"), "").unwrap();
    let said = |arguments: &[&str]| {
        let output = common::runner(photos.0.path()).arg("photos").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let set = said(&[".", "--set", "dataset.resolution=64"]);
    assert!(set.contains("dataset.resolution=64") && set.contains("--resolution"), "{set}");
    assert!(said(&[".", "--set", "dataset.held_out=1"]).contains("a folder has none"));
    assert!(said(&["study.toml", "--resolution", "64"]).contains("--set dataset.resolution="));
    assert!(said(&["study.toml", "--crop", "center"]).contains("--set dataset.crop="));
    assert!(said(&["study.toml", "--masks", "."]).contains("--set dataset.masks="));
}

#[test]
#[cfg(unix)]
fn a_name_cannot_look_like_the_programs_own_lines() {
    let photos = Photos::of(&[0, 2]);
    std::fs::rename(photos.path("02.jpg"), photos.path("a\nerror: \u{202e}gpj.jpg")).unwrap();
    let output = common::runner(photos.0.path()).args(["photos", "."]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("a\\nerror: \\u{202e}gpj.jpg"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("error:")), "{text}");
}
