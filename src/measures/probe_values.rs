//! What the probe values say: denoising losses of two moments or of two words, compared photo by photo.
//!
//! Two values can be compared if they were asked of the same photo, at the same time, with the same noise. The noise is
//! the same wherever photo and time are, so values are paired by photo and time. `docs/probe.md` explains the numbers.

use std::collections::BTreeMap;

use super::verdict::bootstrap::bootstrap;
use super::verdict::estimate::Estimate;

/// The denoising loss of a photo at a time of the process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProbeValue<'a> {
    /// What the photo is called.
    pub photo: &'a str,
    /// The time at which noise was added.
    pub timestep: f32,
    /// Mean squared error of the prediction.
    pub loss: f64,
}

/// A third of the process, by its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// Little noise: details.
    Low,
    /// Between them.
    Middle,
    /// Much noise: what the picture shows at all.
    High,
}

/// What a training changed under the identifier: before it and after it, on the same photos, times and noise.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProbeChanges<'p> {
    /// On the training photos, as many in every cell.
    pub train: Option<&'p Paired>,
    /// On the held-out photos.
    pub held_out: Option<&'p Paired>,
}

/// Losses before and after something, over the values that both have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// Mean loss before.
    pub before: f64,
    /// Mean loss after.
    pub after: f64,
    /// After − before: the mean over the photos, with the interval of a bootstrap over whole photos.
    pub difference: Estimate,
}

impl Band {
    /// All of them, ascending.
    pub const ALL: [Self; 3] = [Self::Low, Self::Middle, Self::High];
}

impl Paired {
    /// The change as a share of the loss before.
    #[must_use]
    pub fn relative(&self) -> f64 {
        (self.after - self.before) / self.before
    }
}

/// Compares two sets of values, paired by photo and time. A photo counts as much as any other, and so does a time of a
/// photo. `None` if there is no pair, or if a value of a pair is not finite.
#[must_use]
pub fn paired(before: &[ProbeValue<'_>], after: &[ProbeValue<'_>]) -> Option<Paired> {
    let partner: BTreeMap<_, f64> = after.iter().map(|value| (question(value), value.loss)).collect();
    let both: Vec<_> = before.iter().filter_map(|value| Some((value, *partner.get(&question(value))?))).collect();
    let of_photos = |loss: &dyn Fn(f64, f64) -> f64| {
        let values = both.iter().map(|(value, after)| ProbeValue { loss: loss(value.loss, *after), ..**value });
        by_photo(&values.collect::<Vec<_>>()).into_iter().map(|(_, mean)| mean).collect::<Vec<f64>>()
    };
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let difference = bootstrap(&[of_photos(&|before, after| after - before)])?;
    Some(Paired { before: mean(of_photos(&|before, _| before)), after: mean(of_photos(&|_, after| after)), difference })
}

/// The mean loss of each photo, in the order in which the photos come first.
#[must_use]
pub fn by_photo<'a>(values: &[ProbeValue<'a>]) -> Vec<(&'a str, f64)> {
    let mut photos: Vec<(&str, f64, f64)> = Vec::new();
    for value in values {
        match photos.iter_mut().find(|(photo, ..)| *photo == value.photo) {
            Some((_, sum, count)) => (*sum, *count) = (*sum + value.loss, *count + 1.0),
            None => photos.push((value.photo, value.loss, 1.0)),
        }
    }
    photos.into_iter().map(|(photo, sum, count)| (photo, sum / count)).collect()
}

/// The values of a band. The times are the midpoints of equal parts of the process, so the rank of a time says in which
/// third of the process it lies.
#[must_use]
pub fn of_band<'a>(values: &[ProbeValue<'a>], band: Band) -> Vec<ProbeValue<'a>> {
    let mut times: Vec<u32> = values.iter().map(|value| order(value.timestep)).collect();
    times.sort_unstable();
    times.dedup();
    let place = |value: &ProbeValue<'_>| {
        let rank = times.partition_point(|time| *time < order(value.timestep));
        // Three times the middle of the part, (rank + 1/2) / parts, without its fraction.
        3 * (2 * rank + 1) / (2 * times.len())
    };
    values.iter().filter(|value| Band::ALL.get(place(value)) == Some(&band)).copied().collect()
}

/// What a value was asked about.
fn question<'a>(value: &ProbeValue<'a>) -> (&'a str, u32) {
    (value.photo, order(value.timestep))
}

/// A time as a number that can be sorted: times are not negative.
fn order(timestep: f32) -> u32 {
    timestep.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>(losses: &[(&'a str, f32, f64)]) -> Vec<ProbeValue<'a>> {
        losses.iter().map(|(photo, timestep, loss)| ProbeValue { photo, timestep: *timestep, loss: *loss }).collect()
    }

    #[test]
    fn values_are_paired_by_photo_and_time() {
        let before = values(&[("a", 50.0, 4.0), ("a", 150.0, 2.0), ("b", 50.0, 1.0), ("c", 50.0, 100.0)]);
        let after = values(&[("b", 50.0, 2.0), ("a", 150.0, 1.0), ("a", 50.0, 1.0), ("d", 50.0, 7.0)]);
        let found = paired(&before, &after).expect("pairs");
        assert_eq!((found.before, found.after, found.difference.mean), (2.0, 1.5, -0.5));
        assert_eq!((found.relative(), found.difference.n), (-0.25, 2));
        assert_eq!(paired(&before, &values(&[("a", 350.0, 1.0)])), None);
        assert_eq!(paired(&before, &values(&[("a", 50.0, f64::NAN)])), None);
    }

    #[test]
    fn bands_are_thirds_of_the_process() {
        let of = |times: usize| {
            let all: Vec<_> = (0..times).map(|i| ("a", (i * 10) as f32, i as f64)).collect();
            Band::ALL.map(|band| of_band(&values(&all), band).len())
        };
        assert_eq!([of(1), of(2), of(3), of(4), of(10)], [[0, 1, 0], [1, 0, 1], [1, 1, 1], [1, 2, 1], [3, 4, 3]]);
    }
}
