//! Which photos are trained on and which are held out.

use std::collections::{BTreeMap, BTreeSet};

use super::found::Scan;
use super::order::order;

/// Indices into [`Scan::photos`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// Photos that may be trained on, in the order a study picks them: the first `n` are a training set of size `n`.
    pub train: Vec<usize>,
    /// Held out, in the same order.
    pub held_out: Vec<usize>,
    /// Photos on neither side: others of their group, which shows the same picture, are held out.
    pub left_out: Vec<usize>,
}

/// Divides photos: the last `held_out` of [`order()`] are held out, the others are trained on from the first. Copies
/// ([`Scan::alike`] and [`Scan::cut_copies`]) stay together, so that no held-out photo has a twin among the training
/// photos: such a group is held out as a whole or not at all. If that leaves too few, a part of a group is held out and
/// its rest is left out.
#[must_use]
pub fn split(scan: &Scan, seed: u64, held_out: usize) -> Split {
    let ordered = order(&scan.photos, seed);
    let groups = groups(scan);
    let group = |photo: usize| groups.get(&photo).cloned().unwrap_or_else(|| vec![photo]);
    let mut held: BTreeSet<usize> = BTreeSet::new();
    for &photo in ordered.iter().rev() {
        let members = group(photo);
        if !held.contains(&photo) && held.len() + members.len() <= held_out {
            held.extend(members);
        }
    }
    let mut left: BTreeSet<usize> = BTreeSet::new();
    for &photo in ordered.iter().rev() {
        if held.len() >= held_out {
            break;
        }
        if !held.contains(&photo) && !left.contains(&photo) {
            let members = group(photo);
            let by_order = ordered.iter().rev().filter(|photo| members.contains(photo));
            let (some, rest): (Vec<_>, Vec<_>) = by_order.enumerate().partition(|(i, _)| *i < held_out - held.len());
            held.extend(some.into_iter().map(|(_, photo)| *photo));
            left.extend(rest.into_iter().map(|(_, photo)| *photo));
        }
    }
    let (held_out, others): (Vec<usize>, Vec<usize>) = ordered.into_iter().partition(|photo| held.contains(photo));
    let (left_out, train) = others.into_iter().partition(|photo| left.contains(photo));
    Split { train, held_out, left_out }
}

/// For each photo in a group: all photos of the group. Copies of copies are of one group.
fn groups(scan: &Scan) -> BTreeMap<usize, Vec<usize>> {
    let alike = scan.alike.iter().map(|alike| alike.photos.as_slice());
    let cut = scan.cut_copies.iter().map(|pair| pair.photos.as_slice());
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for copies in alike.chain(cut) {
        let is_copy = |i: &usize| copies.contains(&scan.photos[*i].hash);
        let copies = (0..scan.photos.len()).filter(is_copy);
        let known = |photo: usize| groups.get(&photo).cloned().unwrap_or_else(|| vec![photo]);
        let members: BTreeSet<usize> = copies.flat_map(known).collect();
        let members: Vec<usize> = members.into_iter().collect();
        groups.extend(members.iter().map(|&photo| (photo, members.clone())));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photos::found::{Alike, CutCopy};
    use crate::photos::photo::Photo;
    use proptest::prelude::*;

    fn scan(photos: usize, groups: &[&[usize]]) -> Scan {
        let hash = |i: usize| blake3::hash(&i.to_le_bytes()).to_hex().to_string();
        let photo = |i: usize| Photo::made_up(format!("{i}.jpg"), hash(i));
        let alike = |group: &&[usize]| Alike { photos: group.iter().map(|&i| hash(i)).collect(), mirrored: false };
        let alike = groups.iter().map(alike).collect();
        Scan { photos: (0..photos).map(photo).collect(), alike, ..Scan::default() }
    }

    proptest! {
        #[test]
        fn without_twins_the_last_are_held_out(photos in 0usize..30, held_out in 0usize..12, seed: u64) {
            let scan = scan(photos, &[]);
            let ordered = order(&scan.photos, seed);
            let Split { train, held_out: held, left_out } = split(&scan, seed, held_out);
            let first = photos.saturating_sub(held_out);
            prop_assert_eq!((&train[..], &held[..]), (&ordered[..first], &ordered[first..]));
            prop_assert!(left_out.is_empty());
        }

        #[test]
        fn twins_are_never_on_both_sides(held_out in 0usize..=9, seed: u64) {
            let groups: [&[usize]; 3] = [&[0, 5], &[1, 2, 3], &[7, 8]];
            let Split { train, held_out: held, left_out } = split(&scan(12, &groups), seed, held_out);
            prop_assert_eq!(held.len(), held_out);
            prop_assert_eq!(train.len() + held.len() + left_out.len(), 12);
            for group in groups {
                let has = |side: &[usize]| group.iter().any(|photo| side.contains(photo));
                prop_assert!(!(has(&train) && has(&held)), "{train:?} {held:?}");
            }
            // Single photos fill the gaps that groups leave.
            prop_assert!(left_out.is_empty() || held_out > 5, "{left_out:?}");
        }
    }

    #[test]
    fn copies_that_were_cut_stay_together_with_copies_of_them() {
        // 0 and 1 are alike, 2 was cut out of 1, and 4 out of 3.
        let mut scan = scan(8, &[&[0, 1]]);
        let pair = |a: usize, b: usize| {
            let photos = [a, b].map(|i| scan.photos[i].hash.clone());
            CutCopy { photos, mirrored: false }
        };
        scan.cut_copies = vec![pair(1, 2), pair(3, 4)];
        assert_eq!(groups(&scan)[&0], [0, 1, 2]);
        for seed in 0..50 {
            let Split { train, held_out, left_out } = split(&scan, seed, 3);
            assert_eq!((train.len(), held_out.len(), left_out.len()), (5, 3, 0));
            for group in [&[0, 1, 2][..], &[3, 4]] {
                let held = group.iter().filter(|photo| held_out.contains(photo)).count();
                assert!(held == 0 || held == group.len(), "{held_out:?}");
            }
        }
    }

    #[test]
    fn a_part_of_a_group_is_held_out_if_nothing_else_is_left() {
        let Split { train, held_out, left_out } = split(&scan(4, &[&[0, 1], &[2, 3]]), 0, 1);
        assert_eq!((train.len(), held_out.len(), left_out.len()), (2, 1, 1));
        let group = |photo: usize| photo / 2;
        assert_eq!(group(held_out[0]), group(left_out[0]));
        let all = split(&scan(3, &[&[0, 1, 2]]), 0, 2);
        assert_eq!((all.train.len(), all.held_out.len(), all.left_out.len()), (0, 2, 1));
    }
}
