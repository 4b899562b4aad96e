//! The measures of features against numpy (`tests/golden/metrics/make_features.py`), which tries every subset of photos
//! and every draw of the bootstrap.

use std::collections::BTreeMap;
use std::path::Path;

use image::RgbImage;
use runner::choice::Purpose;
use runner::measures::features::{FeatureCell, FeatureImage, PhotoFeatures, Shows};
use runner::measures::record::Values;
use runner::measures::{Cell, Evaluation, ImagePair, collected};
use serde::Deserialize;

type Features = Vec<Vec<f32>>;

#[derive(Deserialize)]
struct Golden {
    train: Photos,
    held_out: Photos,
    largest: Photos,
    texts: Features,
    by_name: Features,
    images: Vec<Image>,
    expected: BTreeMap<String, f64>,
    expected_image: BTreeMap<String, f64>,
    expected_masked: BTreeMap<String, f64>,
    masked_ceiling_of_one: f64,
    ceiling_of_one: f64,
    pixels: Pixels,
}

#[derive(Deserialize)]
struct Photos {
    plain: Features,
    mirrored: Features,
    /// Empty, or a feature or null for each photo.
    #[serde(default)]
    masked: Vec<Option<Vec<f32>>>,
}

impl Photos {
    fn list(&self) -> Vec<PhotoFeatures<'_>> {
        let masked = |index: usize| self.masked.get(index).and_then(Option::as_deref);
        let both = self.plain.iter().zip(&self.mirrored).enumerate();
        both.map(|(index, (plain, mirrored))| PhotoFeatures { plain, mirrored, masked: masked(index) }).collect()
    }
}

#[derive(Deserialize)]
struct Image {
    shows: String,
    prompt: usize,
    image: Vec<f32>,
    base: Vec<f32>,
    floor: Option<Vec<f32>>,
}

#[derive(Deserialize)]
struct Pixels {
    width: u32,
    height: u32,
    levels: Vec<u8>,
    contrast: f64,
    roughness: f64,
}

impl Golden {
    fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/metrics/features.json");
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    fn cell(&self) -> FeatureCell<'_> {
        FeatureCell {
            train: self.train.list(),
            held_out: self.held_out.list(),
            largest: self.largest.list(),
            images: self.images.iter().map(|image| self.image(image)).collect(),
            by_name: self.by_name.iter().map(Vec::as_slice).collect(),
        }
    }

    fn image<'a>(&'a self, image: &'a Image) -> FeatureImage<'a> {
        let shows = match image.shows.as_str() {
            "subject" => Shows::Subject,
            "class" => Shows::Class,
            _ => Shows::Other,
        };
        let text = (shows == Shows::Subject).then(|| self.texts[image.prompt].as_slice());
        let (base, floor) = (Some(image.base.as_slice()), image.floor.as_deref());
        FeatureImage { shows, prompt: image.prompt, image: &image.image, base, floor, text }
    }
}

#[track_caller]
fn same(values: &Values, expected: &BTreeMap<String, f64>) {
    assert_eq!(values.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, expected) in expected {
        near(name, values[name], *expected);
    }
}

#[track_caller]
fn near(what: &str, got: f64, expected: f64) {
    let error = (got - expected).abs() / expected.abs().max(1e-3);
    assert!(error < 1e-9, "{what}: {got} is not {expected} (relative error {error:e})");
}

/// The numbers for both purposes.
fn of_cell(cell: &FeatureCell<'_>) -> Values {
    let mut values = collected::cell_features(cell, Purpose::Identity);
    values.extend(collected::cell_features(cell, Purpose::Prompt));
    // The draws of this bootstrap are the program's own; `bootstrap` is tested where it is.
    let ends = ["identity_name_low", "identity_name_high"].map(|name| values.remove(name));
    if let [Some(low), Some(high)] = ends {
        assert!(low < values["identity_name_floor"] && values["identity_name_floor"] < high, "{low} {high}");
    }
    values
}

#[test]
fn measures_of_features_equal_numpy() {
    let golden = Golden::read();
    let cell = golden.cell();
    let (masked, plain): (Values, Values) =
        of_cell(&cell).into_iter().partition(|(name, _)| name.starts_with("identity_masked"));
    same(&plain, &golden.expected);
    same(&masked, &golden.expected_masked);
    let mut values = collected::image_features(&cell, &cell.images[0], Purpose::Identity);
    values.extend(collected::image_features(&cell, &cell.images[0], Purpose::Prompt));
    same(&values, &golden.expected_image);
}

#[test]
fn few_held_out_photos_give_fewer_numbers() {
    let golden = Golden::read();
    let with = |count: usize| FeatureCell { held_out: golden.held_out.list()[..count].to_vec(), ..golden.cell() };
    let one = of_cell(&with(1));
    near("ceiling of one", one["identity_ceiling"], golden.ceiling_of_one);
    near("ceiling of one, masked", one["identity_masked_ceiling"], golden.masked_ceiling_of_one);
    assert!(one.contains_key("identity_share") && !one.contains_key("identity_range_low"), "{one:?}");
    assert!(!one.contains_key("copying_gap"), "one photo cannot be held against another");
    let two = of_cell(&with(2));
    assert!(two.contains_key("copying_gap") && !two.contains_key("identity_range_low"), "{two:?}");
    let none = of_cell(&with(0));
    assert!(none.contains_key("identity_train") && !none.contains_key("identity"), "{none:?}");
}

#[test]
fn without_masks_nothing_is_said_of_the_subject_alone() {
    let golden = Golden::read();
    let mut cell = golden.cell();
    cell.held_out.iter_mut().for_each(|photo| photo.masked = None);
    same(&of_cell(&cell), &golden.expected);
    let values = collected::image_features(&cell, &cell.images[0], Purpose::Identity);
    assert!(!values.keys().any(|name| name.contains("masked")), "{values:?}");
}

#[test]
fn an_encoder_that_sees_nothing_has_no_range() {
    let golden = Golden::read();
    // To this encoder the base model's images are as like the photos as these are like each other.
    let mut cell = golden.cell();
    for (index, image) in cell.images.iter_mut().enumerate() {
        image.floor = Some(&golden.train.plain[index % 5]);
    }
    assert!(of_cell(&cell)["identity_range_low"] <= 0.0);
}

#[test]
fn contrast_and_roughness_equal_numpy() {
    let Pixels { width, height, levels, contrast, roughness } = Golden::read().pixels;
    let image = RgbImage::from_raw(width, height, levels).unwrap();
    let mut evaluation = Evaluation::default();
    let pairs = [ImagePair::new(image.clone(), image, &[])];
    let metrics = evaluation.prompt(&["a"], &pairs, true).map(|()| evaluation.finish(Cell::default()));
    let values = &metrics.unwrap().images[0].values;
    near("contrast", values["contrast"], contrast);
    near("roughness", values["roughness"], roughness);
}
