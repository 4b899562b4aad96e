//! Computes every measure of the table for one cell: prompt after prompt, then the cell as a whole.

use super::error::MeasureError;
use super::inputs::{Cell, ImagePair, mean};
use super::measure::Of;
use super::record::{ImageValues, Metrics, VERSION, Values};
use super::table;

/// A cell being measured. Only the images of one prompt need to be in memory at a time.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    images: Vec<ImageValues>,
    subject: Vec<Values>,
    drift: Vec<Values>,
    /// One entry per prompt that asks for the subject.
    prompts: Vec<Values>,
}

impl Evaluation {
    /// Measures the images of one prompt; `files` names them.
    ///
    /// # Errors
    /// An image cannot be measured.
    pub fn prompt(&mut self, files: &[&str], pairs: &[ImagePair<'_>], of_subject: bool) -> Result<(), MeasureError> {
        for (file, pair) in files.iter().zip(pairs) {
            let mut values = Values::new();
            for measure in table::all() {
                if let Of::Image(compute) = measure.of {
                    insert(&mut values, measure.name, compute(pair)?);
                }
            }
            let group = if of_subject { &mut self.subject } else { &mut self.drift };
            group.push(values.clone());
            self.images.push(ImageValues { file: (*file).to_owned(), values });
        }
        if of_subject {
            let mut values = Values::new();
            for measure in table::all() {
                if let Of::Prompt(compute) = measure.of {
                    insert(&mut values, measure.name, compute(pairs)?);
                }
            }
            self.prompts.push(values);
        }
        Ok(())
    }

    /// All numbers of the cell. `cell` is what it offers beside its images.
    #[must_use]
    pub fn finish(self, cell: Cell<'_>) -> Metrics {
        let cell = Cell { subject: self.subject, drift: self.drift, ..cell };
        let mut summary = Values::new();
        for measure in table::of_pixels() {
            let value = match measure.of {
                Of::Image(_) | Of::ImageFeatures(..) | Of::CellFeatures(..) | Of::CellNumbers(_) | Of::Probes(_) => {
                    None
                }
                Of::Prompt(_) => mean(self.prompts.iter().filter_map(|values| measure.value(values))),
                Of::Cell(compute) => compute(&cell),
            };
            insert(&mut summary, measure.name, value);
        }
        Metrics { version: VERSION, images: self.images, summary }
    }
}

fn insert(values: &mut Values, name: &str, value: Option<f64>) {
    if let Some(value) = value.filter(|value| value.is_finite()) {
        values.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::inputs::Losses;
    use image::{Rgb, RgbImage};

    fn pair(level: u8, base: u8) -> ImagePair<'static> {
        let flat = |level| RgbImage::from_pixel(11, 11, Rgb([level; 3]));
        ImagePair::new(flat(level), flat(base), &[])
    }

    #[test]
    fn a_summary_keeps_groups_and_moments_apart() {
        let mut evaluation = Evaluation::default();
        evaluation.prompt(&["a", "b"], &[pair(51, 0), pair(102, 0)], true).expect("measures");
        evaluation.prompt(&["c"], &[pair(255, 0)], false).expect("measures");
        let cell = Cell {
            train: Losses { base: Some(0.9), after: Some(0.3) },
            unseen: Losses { base: Some(0.8), after: Some(f64::NAN) },
            ..Cell::default()
        };
        let metrics = evaluation.finish(cell);
        let files: Vec<_> = metrics.images.iter().map(|image| image.file.as_str()).collect();
        assert_eq!(files, ["a", "b", "c"]);
        assert_eq!(metrics.images[1].values["baseline_rmse"], 0.4);
        let value = |name: &str| metrics.summary.get(name).copied();
        assert!((value("mean_baseline_rmse").expect("defined") - 0.3).abs() < 1e-12);
        assert_eq!(value("drift_rmse"), Some(1.0));
        assert_eq!((value("baseline_probe_train"), value("probe_train")), (Some(0.9), Some(0.3)));
        // What is no number, and what there is nothing to measure of, is not written.
        assert_eq!((value("baseline_probe_held_out"), value("probe_held_out")), (Some(0.8), None));
        assert_eq!((value("probe_class"), value("photo_similarity"), value("held_out_similarity")), (None, None, None));
    }

    #[test]
    fn similarities_stand_between_floor_and_ceiling() {
        let stripes =
            |wide: u32| RgbImage::from_fn(64, 64, |x, _| Rgb([if (x / wide).is_multiple_of(2) { 0 } else { 255 }; 3]));
        let photos = [8, 16].map(|wide| super::super::thumbnail::Thumbnail::new(&stripes(wide)));
        let mut evaluation = Evaluation::default();
        let pairs = [ImagePair::new(stripes(16), stripes(5), &photos), ImagePair::new(stripes(5), stripes(5), &photos)];
        evaluation.prompt(&["a", "b"], &pairs, true).expect("measures");
        let metrics = evaluation.finish(Cell { photos: &photos, ..Cell::default() });
        assert_eq!(metrics.images[0].values["nearest_photo"], 1.0);
        let (largest, mean) = (&crate::measures::table::copying::LARGEST, &crate::measures::table::copying::MEAN);
        assert!((largest.value(&metrics.summary).expect("defined") - 1.0).abs() < 1e-12);
        assert!(mean.floor(&metrics.summary).expect("defined") < 0.5);
        assert_eq!(largest.ceiling(&metrics.summary), metrics.summary.get("photo_similarity").copied());
    }
}
