//! The measures that are computed where a report is made: of features, and of the numbers of images.

use super::features::{FeatureCell, FeatureImage};
use super::measure::{Measure, Of};
use super::numbers::CellNumbers;
use super::record::Values;
use super::table;
use crate::choice::Purpose;

/// The numbers of an image, by name, of the measures that need an encoder for this purpose.
#[must_use]
pub fn image_features(cell: &FeatureCell<'_>, image: &FeatureImage<'_>, purpose: Purpose) -> Values {
    values(|of| match of {
        Of::ImageFeatures(wanted, compute) if wanted == purpose => compute(cell, image),
        _ => None,
    })
}

/// The numbers of a cell, by name, of the measures that need an encoder for this purpose.
#[must_use]
pub fn cell_features(cell: &FeatureCell<'_>, purpose: Purpose) -> Values {
    values(|of| match of {
        Of::CellFeatures(wanted, compute) if wanted == purpose => compute(cell),
        _ => None,
    })
}

/// The numbers of a cell, by name, of the measures that compare its images' numbers.
#[must_use]
pub fn cell_numbers(cell: &CellNumbers<'_>) -> Values {
    values(|of| match of {
        Of::CellNumbers(compute) => compute(cell),
        _ => None,
    })
}

/// A measure that is not defined, or no finite number, has no entry.
fn values(number: impl Fn(Of) -> Option<f64>) -> Values {
    let named =
        |measure: &Measure| Some((measure.name.to_owned(), number(measure.of).filter(|value| value.is_finite())?));
    table::all().filter_map(named).collect()
}
