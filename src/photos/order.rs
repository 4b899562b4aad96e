//! The order photos are picked in: subsets are nested, and adding a photo moves no other.

use super::photo::Photo;

/// Indices into `photos` in the order a study picks them: the first `n` are a training set of size `n`, the last ones
/// are held out.
///
/// Photos are sorted by their [`rank`], so the order depends on neither file names nor the order of `photos`, and two
/// photos keep their order when others come or go.
#[must_use]
pub fn order(photos: &[Photo], seed: u64) -> Vec<usize> {
    let mut ranked: Vec<_> = photos.iter().enumerate().map(|(i, photo)| (rank(seed, &photo.hash), i)).collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, i)| i).collect()
}

/// Where a photo stands in the order of `seed`, as a big-endian number: [`order`] sorts by it. It depends on nothing
/// but the seed and the content; `hash` is [`Photo::hash`].
#[must_use]
pub fn rank(seed: u64, hash: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"runner photo order 1\0").update(&seed.to_le_bytes()).update(hash.as_bytes());
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photos(n: u32) -> Vec<Photo> {
        let hash = |i: u32| blake3::hash(&i.to_le_bytes()).to_hex().to_string();
        let photo = |i: u32| Photo::made_up(format!("{i}.jpg"), hash(i));
        (0..n).map(photo).collect()
    }

    #[test]
    fn the_order_is_a_permutation_and_pinned() {
        let photos = photos(8);
        assert_eq!(order(&photos, 0), [7, 5, 3, 0, 1, 6, 2, 4]);
        assert_ne!(order(&photos, 0), order(&photos, 1));
        assert!(order(&[], 0).is_empty());
    }

    #[test]
    fn a_new_photo_moves_no_other() {
        let (few, many) = (photos(20), photos(30));
        let kept: Vec<usize> = order(&many, 7).into_iter().filter(|&i| i < 20).collect();
        assert_eq!(kept, order(&few, 7));
    }

    #[test]
    fn the_order_depends_on_content_only() {
        let photos = photos(12);
        let mut shuffled = photos.clone();
        shuffled.reverse();
        let names = |photos: &[Photo]| order(photos, 3).iter().map(|&i| photos[i].name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&photos), names(&shuffled));
    }
}
