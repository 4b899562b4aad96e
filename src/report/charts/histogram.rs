//! How often images are how similar to a training photo.

use std::collections::{BTreeMap, BTreeSet};

use maud::Markup;

use crate::measures::table::copying::{HELD_OUT, NEAREST_SIMILARITY};
use crate::report::data::{CellData, Group, StudyData};
use crate::report::style::chart::{Curve, Entry, Figure, Ink, Look, Panel, line};
use crate::report::style::scale::{Scale, drawable};
use crate::text;

use super::look::BASE;

/// The width of a bin.
const BIN: f64 = 0.05;

/// What is counted for one number of training photos: only among as many photos are similarities comparable.
#[derive(Default)]
struct Counted {
    images: Vec<f64>,
    base: Vec<f64>,
    /// The mean of the held-out photos, of each cell.
    real: Vec<f64>,
}

/// The similarity of every image to the training photo it is most like: images with the adapter, the base model's, and
/// the mean of photos that were held out. `None` if no image is measured.
pub(crate) fn similarity_histogram(data: &StudyData) -> Option<Markup> {
    let counted = counted(data);
    let all = || counted.values().flat_map(|c| c.images.iter().chain(&c.base).chain(&c.real).copied());
    let (first, last) = (all().map(bin).min()?, all().map(bin).max()?);
    let images = line(Ink::Series(0), 2.4);
    let real = Look { dash: Some((9, 4)), ..line(Ink::Series(2), 2.2) };
    let high = counted.values().flat_map(|c| [shares(&c.images), shares(&c.base)]).flat_map(BTreeMap::into_values);
    let high = high.fold(0.0, f64::max) * 1.08;
    let panel = |(photos, counted): (&usize, &Counted)| {
        let mut panel = Panel { title: format!("trained on {}", text::count(*photos, "photo")), ..Panel::default() };
        for (name, values, look) in [("base model’s images", &counted.base, BASE), ("images", &counted.images, images)]
        {
            let shares = shares(values);
            panel.curves.push(Curve::new(name, steps(&shares, first, last), look));
            let middle = |(bin, share): (&i64, &f64)| ((*bin as f64 + 0.5) * BIN, *share);
            let tops = shares.iter().map(middle).collect();
            panel.curves.push(Curve::new(format!("share of {name}"), tops, Look { width: 0.0, dots: 2, ..look }));
        }
        if !counted.real.is_empty() {
            let mean = counted.real.iter().sum::<f64>() / counted.real.len() as f64;
            panel.curves.push(Curve::new("held-out photos, their mean", vec![(mean, 0.0), (mean, high)], real));
        }
        panel
    };
    let mut legend = vec![Entry::new("images with the adapter", images), Entry::new("the base model’s images", BASE)];
    if counted.values().any(|c| !c.real.is_empty()) {
        legend.push(Entry::new("real photos that were held out, their mean", real));
    }
    let figure = Figure {
        name: "",
        title: "How similar images are to the nearest training photo".into(),
        x_label: "similar".into(),
        second_label: "",
        y_label: "share of images",
        x: Some(Scale { low: first as f64 * BIN, high: (last + 1) as f64 * BIN }),
        y: (high > 0.0).then_some(Scale { low: 0.0, high }),
        panels: counted.iter().map(panel).collect(),
        legend,
    };
    Some(figure.svg())
}

/// The similarities by number of training photos. What cells share counts once.
fn counted(data: &StudyData) -> BTreeMap<usize, Counted> {
    let mut out: BTreeMap<usize, Counted> = BTreeMap::new();
    let (mut images, mut base) = (BTreeSet::new(), BTreeSet::new());
    for cell in &data.cells {
        let subject = || cell.images.iter().filter(|p| p.group == Group::Prompt).map(|p| &p.values);
        if subject().next().is_none() {
            continue;
        }
        let known = out.entry(cell.train_photos.len()).or_default();
        if images.insert(if cell.image_job.is_empty() { &cell.slug } else { &cell.image_job }) {
            known
                .images
                .extend(subject().filter_map(|values| NEAREST_SIMILARITY.value(values)).filter(|v| drawable(*v)));
        }
        if base.insert((&cell.train_photos, cell.baseline)) {
            known.base.extend(subject().filter_map(|values| NEAREST_SIMILARITY.floor(values)).filter(|v| drawable(*v)));
        }
        known.real.extend(held_out(cell));
    }
    out.retain(|_, counted| !counted.images.is_empty());
    out
}

fn held_out(cell: &CellData) -> Option<f64> {
    HELD_OUT.value(cell.metrics.as_ref()?).filter(|v| drawable(*v))
}

fn bin(value: f64) -> i64 {
    (value / BIN).floor() as i64
}

/// The share of the values in each bin that has any.
fn shares(values: &[f64]) -> BTreeMap<i64, f64> {
    let mut out = BTreeMap::new();
    for value in values {
        *out.entry(bin(*value)).or_insert(0.0) += 1.0 / values.len() as f64;
    }
    out
}

/// The outline of the columns.
fn steps(shares: &BTreeMap<i64, f64>, first: i64, last: i64) -> Vec<(f64, f64)> {
    if shares.is_empty() {
        return Vec::new();
    }
    let mut out = vec![(first as f64 * BIN, 0.0)];
    for bin in first..=last {
        let share = shares.get(&bin).copied().unwrap_or(0.0);
        out.extend([(bin as f64 * BIN, share), ((bin + 1) as f64 * BIN, share)]);
    }
    out.push(((last + 1) as f64 * BIN, 0.0));
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn shares_add_up_and_the_outline_is_closed() {
        let shares = shares(&[0.01, 0.02, 0.07, -0.01]);
        assert_eq!(shares.into_iter().collect::<Vec<_>>(), [(-1, 0.25), (0, 0.5), (1, 0.25)]);
        let outline = steps(&[(1, 1.0)].into(), 0, 2);
        assert_eq!((outline.first(), outline.last()), (Some(&(0.0, 0.0)), Some(&(3.0 * BIN, 0.0))));
    }

    #[test]
    fn numbers_of_photos_stand_apart_and_shared_images_count_once() {
        let mut data = fixture::study();
        data.cells.push(data.cells[0].clone());
        let counted = counted(&data);
        // The third cell of the study failed.
        assert_eq!(counted.keys().copied().collect::<Vec<_>>(), [2, 4]);
        assert_eq!((counted[&2].images.len(), counted[&2].base.len()), (4, 4));
        let page = similarity_histogram(&data).expect("has images").into_string();
        assert!(page.contains("trained on 2 photos") && page.contains("held-out photos, their mean"), "{page}");
        assert!(similarity_histogram(&StudyData::default()).is_none());
    }
}
