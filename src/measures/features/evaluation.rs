//! Computes the measures of features that stand in the table.

use super::inputs::{FeatureCell, FeatureImage};
use crate::choice::Purpose;
use crate::measures::measure::{Measure, Of};
use crate::measures::record::Values;
use crate::measures::table;

/// The numbers of an image, by name, of the measures that need an encoder for this purpose.
#[must_use]
pub fn image_values(cell: &FeatureCell<'_>, image: &FeatureImage<'_>, purpose: Purpose) -> Values {
    values(|of| match of {
        Of::ImageFeatures(wanted, compute) if wanted == purpose => compute(cell, image),
        _ => None,
    })
}

/// The numbers of a cell, by name, of the measures that need an encoder for this purpose.
#[must_use]
pub fn cell_values(cell: &FeatureCell<'_>, purpose: Purpose) -> Values {
    values(|of| match of {
        Of::CellFeatures(wanted, compute) if wanted == purpose => compute(cell),
        _ => None,
    })
}

fn values(number: impl Fn(Of) -> Option<f64>) -> Values {
    let named = |measure: &Measure| Some((measure.name.to_owned(), number(measure.of).filter(|v| v.is_finite())?));
    table::all().filter_map(named).collect()
}
