//! The measures against numpy and scikit-image (`tests/golden/metrics/make.py`).

use std::path::{Path, PathBuf};

use image::RgbImage;
use runner::measures::{Cell, Evaluation, ImagePair, Thumbnail, ncc, rmse, ssim};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    pairs: Vec<Pair>,
    variety: Variety,
}

/// Names of images by prompt, and what is measured on them.
#[derive(Deserialize)]
struct Variety {
    images: Vec<Vec<String>>,
    base: Vec<Vec<String>>,
    variety: f64,
    baseline_variety: f64,
}

#[derive(Deserialize)]
struct Pair {
    a: String,
    b: String,
    ncc: f64,
    rmse: Option<f64>,
    ssim: Option<f64>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics")
}

fn golden() -> Golden {
    serde_json::from_str(&std::fs::read_to_string(folder().join("golden.json")).expect("golden.json")).expect("golden")
}

fn image(name: &str) -> RgbImage {
    image::open(folder().join(format!("{name}.png"))).expect("PNG").into_rgb8()
}

#[track_caller]
fn near(what: &str, got: f64, expected: f64) {
    let error = (got - expected).abs() / expected.abs().max(1e-12);
    assert!(error < 1e-9, "{what}: {got} is not {expected} (relative error {error:e})");
}

#[test]
fn measures_of_two_images_equal_numpy_and_scikit_image() {
    for pair in golden().pairs {
        let (a, b) = (image(&pair.a), image(&pair.b));
        let what = |measure: &str| format!("{measure} of {} and {}", pair.a, pair.b);
        near(&what("ncc"), ncc(&Thumbnail::new(&a), &Thumbnail::new(&b)), pair.ncc);
        match (pair.rmse, pair.ssim) {
            (Some(r), Some(s)) => {
                near(&what("rmse"), rmse(&a, &b).expect("rmse"), r);
                near(&what("ssim"), ssim(&a, &b).expect("ssim"), s);
            }
            _ => assert!(rmse(&a, &b).is_err() && ssim(&a, &b).is_err()),
        }
    }
}

#[test]
fn measures_of_two_images_are_symmetric() {
    let (a, b) = (image("first"), image("noisy"));
    assert_eq!(rmse(&a, &b), rmse(&b, &a));
    near("ssim", ssim(&a, &b).expect("ssim"), ssim(&b, &a).expect("ssim"));
    let (a, b) = (Thumbnail::new(&a), Thumbnail::new(&b));
    assert_eq!(ncc(&a, &b), ncc(&b, &a));
}

#[test]
fn variety_equals_numpy() {
    let golden = golden().variety;
    let mut evaluation = Evaluation::default();
    for (names, base) in golden.images.iter().zip(&golden.base) {
        let mut pairs: Vec<ImagePair<'_>> =
            names.iter().zip(base).map(|(name, base)| ImagePair::new(image(name), image(base), &[])).collect();
        let files: Vec<&str> = names.iter().map(String::as_str).collect();
        evaluation.prompt(&files, &pairs, true).expect("measures");
        // Prompts without the subject do not count.
        pairs.reverse();
        pairs.truncate(2);
        evaluation.prompt(&files[..2], &pairs, false).expect("measures");
    }
    let summary = evaluation.finish(Cell::default()).summary;
    near("variety", summary["variety"], golden.variety);
    near("baseline_variety", summary["baseline_variety"], golden.baseline_variety);
    let mut one = Evaluation::default();
    one.prompt(&["a"], &[ImagePair::new(image("first"), image("noisy"), &[])], true).expect("measures");
    assert!(!one.finish(Cell::default()).summary.contains_key("variety"), "one seed has no variety");
}
