//! Rules about several photos: copies, and whether they differ enough.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::copies::MOST_PHOTOS;
use super::finding::Finding;
use super::kind::Kind;
use super::usage::Usage;
use crate::photos::found::Scan;
use crate::photos::order::order;
use crate::photos::photo::Photo;
use crate::photos::split::split;

/// Variety is low if at least one in this many photos is a copy.
const ONE_COPY_IN: usize = 3;
/// Two photos have the same background if the colours along their borders differ by less than this on average, in grey
/// levels. Measured: photos of one toy in different places differ by at least 26, photos of one place with slight
/// changes of light and view by 15 in the median.
const SAME_BACKGROUND: f64 = 20.0;
/// Of fewer photos little can be said.
const FEWEST_FOR_BACKGROUND: usize = 4;

/// Files that are not used.
pub(super) fn unused(scan: &Scan) -> Vec<Finding> {
    let skipped = scan.skipped.iter().map(|skipped| {
        let (kind, file) = if skipped.own {
            (Kind::Own, skipped.path.display().to_string())
        } else {
            (Kind::LeftOut, name(&skipped.path))
        };
        Finding::new(kind, vec![file], skipped.reason.clone())
    });
    let copies = scan
        .duplicates
        .iter()
        .map(|copy| Finding::new(Kind::Copy, vec![name(&copy.path)], format!("the same as {}", name(&copy.same_as))));
    skipped.chain(copies).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Photos that are copies of others and count all the same.
pub(super) fn copies(scan: &Scan) -> Vec<Finding> {
    let names = Names::of(scan);
    let detail = |mirrored: bool| if mirrored { "mirrored" } else { "" };
    let alike = scan.alike.iter().map(|alike| {
        let files = alike.photos.iter().map(|hash| names.name(hash)).collect();
        Finding::new(Kind::Alike, files, detail(alike.mirrored))
    });
    let cut = scan.cut_copies.iter().map(|pair| {
        let files = pair.photos.iter().map(|hash| names.name(hash)).collect();
        Finding::new(Kind::CutCopy, files, detail(pair.mirrored))
    });
    let photos = scan.photos.len();
    let rest = (photos > MOST_PHOTOS).then(|| {
        let detail = format!("the first {MOST_PHOTOS} of {photos} were");
        Finding::new(Kind::NotCompared, Vec::new(), detail)
    });
    alike.chain(cut).chain(rest).collect()
}

/// Photos that are on another side of the split than they would be if copies were not kept together. With several
/// seeds the seed is told.
pub(super) fn moved(scan: &Scan, usage: &Usage, several_seeds: bool) -> Vec<Finding> {
    let Usage { seed, held_out, .. } = *usage;
    let order = order(&scan.photos, seed);
    let (_, held_before) = order.split_at(order.len().saturating_sub(held_out));
    let divided = split(scan, seed, held_out);
    let with_seed = if several_seeds { format!(" with dataset.seed = {seed}") } else { String::new() };
    let of = |(index, photo): (usize, &Photo)| {
        let side = match (held_before.contains(&index), divided.held_out.contains(&index)) {
            _ if divided.left_out.contains(&index) => "left out",
            (true, false) => "no longer held out",
            (false, true) => "now held out",
            (true, true) | (false, false) => return None,
        };
        Some(Finding::new(Kind::Moved, vec![photo.name.clone()], format!("{side}{with_seed}")))
    };
    scan.photos.iter().enumerate().filter_map(of).collect()
}

/// Whether the photos differ enough from each other.
pub(super) fn variety(scan: &Scan) -> Vec<Finding> {
    let repeated = repeated(scan);
    let photos = scan.photos.len();
    let mut found = Vec::new();
    if photos > 0 && repeated.len() * ONE_COPY_IN >= photos {
        let detail = format!("{photos} photos show {} different pictures", photos - repeated.len());
        found.push(Finding::new(Kind::FewPictures, Vec::new(), detail));
    }
    let different: Vec<&Photo> = scan.photos.iter().filter(|photo| !repeated.contains(&photo.hash)).collect();
    let borders: Vec<_> = different.iter().filter_map(|photo| Some(&scan.looks.get(&photo.hash)?.border)).collect();
    let like =
        |one: &&super::border::Border| borders.iter().filter(|other| one.distance(other) < SAME_BACKGROUND).count();
    let most = borders.iter().map(like).max().unwrap_or(0);
    if borders.len() >= FEWEST_FOR_BACKGROUND && 3 * most >= 2 * borders.len() {
        let detail = format!("{most} of {} photos", borders.len());
        found.push(Finding::new(Kind::OneBackground, Vec::new(), detail));
    }
    found
}

/// Photos that show the picture of an earlier one.
fn repeated(scan: &Scan) -> BTreeSet<&String> {
    let alike = scan.alike.iter().flat_map(|alike| &alike.photos[1..]);
    let cut = scan.cut_copies.iter().map(|pair| &pair.photos[1]);
    alike.chain(cut).collect()
}

/// Photos without a mask where others have one.
pub(super) fn few_masks(scan: &Scan) -> Vec<Finding> {
    let lacks = |photo: &&Photo| !scan.masks.contains_key(&photo.hash) && !scan.mask_files.contains_key(&photo.hash);
    let without = scan.photos.iter().filter(lacks).filter(|_| !scan.mask_files.is_empty());
    without.map(|photo| Finding::new(Kind::FewMasks, vec![photo.name.clone()], "")).collect()
}

/// What photos are called.
struct Names<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Names<'a> {
    fn of(scan: &'a Scan) -> Self {
        Self(scan.photos.iter().map(|photo| (photo.hash.as_str(), photo.name.as_str())).collect())
    }

    fn name(&self, hash: &str) -> String {
        (*self.0.get(hash).unwrap_or(&hash)).to_owned()
    }
}
