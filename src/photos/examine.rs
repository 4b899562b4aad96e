//! Decodes every photo once before anything else: none fails later, and copies of the same picture are found.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::check::copies;
use super::error::PhotoError;
use super::fingerprint::Turn;
use super::found::{Alike, CutCopy, Duplicate, Scan, Skipped};
use super::limits::MAX_PIXELS;
use super::load::upright;
use super::mask;
use super::memory::{Memory, Seen};
use super::photo::Photo;

/// Decodes the photos of a scan that `memory` does not know, on all cores. Photos with the same pixels as an earlier
/// one become [`Scan::duplicates`], photos that show nearly the same picture are listed in [`Scan::alike`], and pairs
/// of which one was cut out of the other in [`Scan::cut_copies`]. Masks are read and checked.
///
/// # Errors
/// All photos that cannot be decoded, in the order of the scan. A mask that cannot be used is told in
/// [`Scan::bad_masks`].
pub fn examine(scan: &mut Scan, memory: &mut Memory) -> Result<(), PhotoError> {
    PhotoError::all(examine_all(scan, memory)).map_or(Ok(()), Err)
}

/// Like [`examine()`], but goes on without the photos that cannot be decoded.
pub(super) fn examine_all(scan: &mut Scan, memory: &mut Memory) -> Vec<PhotoError> {
    let (seen, errors) = check_all(&scan.photos, memory);
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let (mut kept, mut prints, mut looks) = (Vec::new(), Vec::new(), BTreeMap::new());
    for (photo, seen) in std::mem::take(&mut scan.photos).into_iter().zip(seen) {
        let Some(seen) = seen else { continue };
        if let Some(&same) = first.get(&seen.pixels) {
            let kept: &Photo = &kept[same];
            scan.duplicates.push(Duplicate { path: photo.path, same_as: kept.path.clone() });
        } else {
            first.insert(seen.pixels, kept.len());
            looks.insert(photo.hash.clone(), seen.look);
            kept.push(photo);
            prints.push(seen.fingerprint);
        }
    }
    scan.alike = groups(&kept, &|a, b| prints[a].same_picture(&prints[b]));
    scan.photos = kept;
    scan.looks = looks;
    scan.cut_copies = cut_copies(scan);
    read_masks(scan, memory);
    errors
}

/// Copies that are not known as alike.
fn cut_copies(scan: &Scan) -> Vec<CutCopy> {
    let thumbnails: Vec<_> = scan.photos.iter().map(|photo| &scan.looks[&photo.hash].thumbnail).collect();
    let hash = |index: usize| scan.photos[index].hash.clone();
    let pairs = copies::pairs(&thumbnails).into_iter();
    let pairs = pairs.map(|pair| CutCopy { photos: [hash(pair.first), hash(pair.second)], mirrored: pair.mirrored });
    let known = |pair: &CutCopy| scan.alike.iter().any(|alike| pair.photos.iter().all(|p| alike.photos.contains(p)));
    pairs.filter(|pair| !known(pair)).collect()
}

/// Reads the masks of the photos that are left.
fn read_masks(scan: &mut Scan, memory: &mut Memory) {
    scan.masks.clear();
    scan.bad_masks.clear();
    for photo in &scan.photos {
        let Some(path) = scan.mask_files.get(&photo.hash) else { continue };
        match mask::read(path, photo, memory) {
            Ok(mask) => drop(scan.masks.insert(photo.hash.clone(), mask)),
            Err(error) => {
                scan.bad_masks.push(Skipped { path: path.clone(), reason: error.reason(), own: false });
            }
        }
    }
}

/// Decodes every photo that `memory` does not know, and tells what cannot be decoded. No more pixels are
/// decoded at a time than the largest photo may have, so that memory is bounded.
fn check_all(photos: &[Photo], memory: &mut Memory) -> (Vec<Option<Seen>>, Vec<PhotoError>) {
    let known: Vec<Option<Seen>> = photos.iter().map(|photo| memory.get(&photo.hash)).collect();
    let new: Vec<&Photo> =
        photos.iter().zip(&known).filter(|(_, seen)| seen.is_none()).map(|(photo, _)| photo).collect();
    let decoded = batches(&new, |photo| u64::from(photo.width) * u64::from(photo.height))
        .flat_map(|batch| batch.par_iter().map(|photo| Ok(Seen::of(&upright(photo)?))).collect::<Vec<_>>());
    let (mut errors, mut fresh) = (Vec::new(), BTreeMap::new());
    for (photo, result) in new.iter().zip(decoded) {
        match result {
            Ok(seen) => {
                memory.add(&photo.hash, seen.clone());
                fresh.insert(photo.hash.as_str(), seen);
            }
            Err(error) => errors.push(error),
        }
    }
    let seen = photos.iter().zip(known).map(|(photo, seen)| seen.or_else(|| fresh.get(photo.hash.as_str()).cloned()));
    (seen.collect(), errors)
}

/// Runs of `items` that weigh at most [`MAX_PIXELS`] together.
fn batches<'a, T>(items: &'a [T], weight: impl Fn(&T) -> u64 + 'a) -> impl Iterator<Item = &'a [T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut sum = 0;
        let fits = rest.iter().take_while(|item| {
            sum += weight(item);
            sum <= MAX_PIXELS
        });
        let (batch, after) = rest.split_at(fits.count().max(1).min(rest.len()));
        rest = after;
        (!batch.is_empty()).then_some(batch)
    })
}

/// Photos that are alike, directly or through others.
fn groups(photos: &[Photo], same: &(dyn Fn(usize, usize) -> Option<Turn> + Sync)) -> Vec<Alike> {
    // For each photo the first of its group, as far as it is known.
    let mut first: Vec<usize> = (0..photos.len()).collect();
    let mut mirrored = vec![false; photos.len()];
    for a in 0..photos.len() {
        let found: Vec<(usize, Turn)> =
            (a + 1..photos.len()).into_par_iter().filter_map(|b| Some((b, same(a, b)?))).collect();
        for (b, turn) in found {
            let (kept, joined) = (first[a].min(first[b]), first[a].max(first[b]));
            mirrored[kept] |= mirrored[joined] || turn == Turn::Mirrored;
            first.iter_mut().filter(|group| **group == joined).for_each(|group| *group = kept);
        }
    }
    let group = |head: usize| Alike {
        photos: (head..photos.len()).filter(|&i| first[i] == head).map(|i| photos[i].hash.clone()).collect(),
        mirrored: mirrored[head],
    };
    (0..photos.len()).filter(|&i| first[i] == i).map(group).filter(|alike| alike.photos.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_weigh_no_more_than_one_largest_photo() {
        let weights = [MAX_PIXELS, 1, MAX_PIXELS - 1, 2, 3, MAX_PIXELS - 5, 1];
        let found: Vec<Vec<u64>> = batches(&weights, |weight| *weight).map(<[u64]>::to_vec).collect();
        assert_eq!(found, [vec![MAX_PIXELS], vec![1, MAX_PIXELS - 1], vec![2, 3, MAX_PIXELS - 5], vec![1]]);
        assert_eq!(batches(&[MAX_PIXELS + 1, 1], |weight: &u64| *weight).count(), 2);
        assert_eq!(batches(&[], |weight: &u64| *weight).count(), 0);
    }

    #[test]
    fn likeness_is_passed_on() {
        let photo = |name: &str| Photo::made_up(name.into(), name.into());
        let photos: Vec<Photo> = ["a", "b", "c", "d", "e", "f"].map(photo).into();
        let pairs = [(0, 3, Turn::Plain), (1, 2, Turn::Mirrored), (3, 5, Turn::Plain), (4, 5, Turn::Mirrored)];
        let same = |a, b| pairs.iter().find(|pair| (pair.0, pair.1) == (a, b)).map(|pair| pair.2);
        let alike =
            |photos: &[&str], mirrored| Alike { photos: photos.iter().map(|p| (*p).to_owned()).collect(), mirrored };
        assert_eq!(groups(&photos, &same), [alike(&["a", "d", "e", "f"], true), alike(&["b", "c"], true)]);
        assert_eq!(groups(&photos[..4], &same)[0], alike(&["a", "d"], false));
        assert_eq!(groups(&photos, &|_, _| None), []);
    }
}
