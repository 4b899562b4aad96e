//! The metrics against numpy, scikit-image and scipy (`tests/golden/metrics/make.py`).

use std::path::{Path, PathBuf};

use image::RgbImage;
use runner::measures::{
    Image, Summary, Thumbnail, ncc, paired_permutation_test, permutation_test, psnr, rmse, ssim, welch,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    pairs: Vec<Pair>,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Pair {
    a: String,
    b: String,
    ncc: f64,
    rmse: Option<f64>,
    psnr: Option<f64>,
    ssim: Option<f64>,
}

#[derive(Deserialize)]
struct Group {
    a: Vec<f64>,
    b: Vec<f64>,
    t: f64,
    df: f64,
    p: f64,
    permutation: f64,
    paired: Option<f64>,
    summary: [f64; 6],
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
fn image_metrics_equal_numpy_and_scikit_image() {
    for pair in golden().pairs {
        let (a, b) = (image(&pair.a), image(&pair.b));
        let (a, b) = (Image::try_from(&a).expect("image"), Image::try_from(&b).expect("image"));
        let what = |metric: &str| format!("{metric} of {} and {}", pair.a, pair.b);
        near(&what("ncc"), ncc(&Thumbnail::new(a), &Thumbnail::new(b)), pair.ncc);
        match (pair.rmse, pair.psnr, pair.ssim) {
            (Some(r), Some(p), Some(s)) => {
                near(&what("rmse"), rmse(a, b).expect("rmse"), r);
                near(&what("psnr"), psnr(a, b).expect("psnr"), p);
                near(&what("ssim"), ssim(a, b).expect("ssim"), s);
            }
            _ => assert!(rmse(a, b).is_err() && psnr(a, b).is_err() && ssim(a, b).is_err()),
        }
    }
}

#[test]
fn metrics_are_symmetric() {
    let (a, b) = (image("first"), image("noisy"));
    let (a, b) = (Image::try_from(&a).expect("image"), Image::try_from(&b).expect("image"));
    assert_eq!(rmse(a, b), rmse(b, a));
    near("ssim", ssim(a, b).expect("ssim"), ssim(b, a).expect("ssim"));
    let (a, b) = (Thumbnail::new(a), Thumbnail::new(b));
    assert_eq!(ncc(&a, &b), ncc(&b, &a));
}

#[test]
fn group_statistics_equal_numpy_and_scipy() {
    for group in golden().groups {
        let (a, b) = (&group.a[..], &group.b[..]);
        let test = welch(a, b).expect("welch");
        near("t", test.t, group.t);
        near("df", test.df, group.df);
        near("p", test.p, group.p);
        near("permutation", permutation_test(a, b).expect("p"), group.permutation);
        if let Some(paired) = group.paired {
            near("paired", paired_permutation_test(a, b).expect("p"), paired);
        }
        let s = Summary::of(a).expect("summary");
        let got = [s.mean, s.sd.expect("sd"), s.standard_error.expect("se"), s.min, s.median, s.max];
        got.into_iter().zip(group.summary).for_each(|(got, expected)| near("summary", got, expected));
    }
}
