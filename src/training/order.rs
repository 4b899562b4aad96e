//! Which items the forward passes of a training use.

use std::collections::BTreeMap;

use crate::sampling::noise::derive;

/// The order of photos or class images. In an epoch each is used once.
///
/// Items of one shape follow each other in an order that is shuffled for every epoch, and a forward pass takes the next
/// ones, across the end of an epoch. Items of several shapes are put together with their like, as sd-scripts does: in
/// every epoch the items of each shape are shuffled and cut into passes, the last of which may be smaller, and the
/// passes of all shapes are shuffled. Class images follow the photos ([`Order::beside`]).
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// The shape of each item.
    shapes: Vec<Vec<usize>>,
    /// Items in a pass.
    batch_size: usize,
    /// `photo` or `class`.
    kind: &'static str,
    seed: u64,
}

/// An item of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) item: usize,
    /// Counts the samples of the whole training.
    pub(super) number: u64,
}

impl Order {
    pub(super) fn new(shapes: Vec<Vec<usize>>, batch_size: usize, kind: &'static str, seed: u64) -> Self {
        Self { shapes, batch_size, kind, seed }
    }

    /// The items of a forward pass, counted from 0 through the whole training.
    pub(super) fn pass(&self, pass: u64) -> Vec<Place> {
        let count = self.shapes.len() as u64;
        if self.is_of_one_shape() {
            let first = pass * self.batch_size as u64;
            let numbers = first..first + self.batch_size as u64;
            let place = |number| Place { item: self.shuffled(number / count)[(number % count) as usize], number };
            return numbers.map(place).collect();
        }
        let passes = self.passes();
        let (epoch, place) = (pass / passes, (pass % passes) as usize);
        let all = self.passes_of(epoch);
        let before: usize = all[..place].iter().map(Vec::len).sum();
        let first = epoch * count + before as u64;
        all[place].iter().zip(first..).map(|(item, number)| Place { item: *item, number }).collect()
    }

    /// The items that stand beside those of a forward pass of `photos`: as many, and of the same shape. Where there are
    /// several shapes, the items of each are used one after the other, in an order that is shuffled each time all of
    /// them have been used.
    pub(super) fn beside(&self, photos: &Self, pass: u64) -> Vec<Place> {
        if self.shapes.is_empty() {
            return Vec::new();
        }
        if self.is_of_one_shape() && photos.is_of_one_shape() {
            return self.pass(pass);
        }
        let places = photos.pass(pass);
        let Some(shape) = places.first().map(|place| &photos.shapes[place.item]) else { return places };
        let like = |order: Vec<usize>| -> Vec<usize> {
            order.into_iter().filter(|item| self.shapes[*item] == *shape).collect()
        };
        let count = self.shapes.iter().filter(|other| *other == shape).count() as u64;
        let used = photos.used(shape, pass);
        let beside = places.iter().zip(used..).filter_map(|(place, n)| {
            let item = like(self.shuffled(n.checked_div(count)?)).get((n % count) as usize).copied()?;
            Some(Place { item, number: place.number })
        });
        beside.collect()
    }

    /// How many items of a shape the passes before this one have used.
    fn used(&self, shape: &[usize], pass: u64) -> u64 {
        if self.is_of_one_shape() {
            return pass * self.batch_size as u64;
        }
        let passes = self.passes();
        let in_epoch = self.shapes.iter().filter(|other| *other == shape).count() as u64;
        let all = self.passes_of(pass / passes);
        let before = all.iter().take((pass % passes) as usize).flatten();
        pass / passes * in_epoch + before.filter(|item| self.shapes[**item] == shape).count() as u64
    }

    /// The epoch, counted from 1, in which a forward pass ends.
    pub(super) fn epoch(&self, pass: u64) -> u64 {
        if self.is_of_one_shape() {
            return ((pass + 1) * self.batch_size as u64 - 1) / self.shapes.len() as u64 + 1;
        }
        pass / self.passes() + 1
    }

    fn is_of_one_shape(&self) -> bool {
        self.shapes.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// The forward passes of an epoch.
    fn passes(&self) -> u64 {
        let mut counts: BTreeMap<&[usize], usize> = BTreeMap::new();
        self.shapes.iter().for_each(|shape| *counts.entry(shape).or_default() += 1);
        counts.values().map(|count| count.div_ceil(self.batch_size) as u64).sum()
    }

    fn passes_of(&self, epoch: u64) -> Vec<Vec<usize>> {
        let mut by_shape: BTreeMap<&[usize], Vec<usize>> = BTreeMap::new();
        for item in self.shuffled(epoch) {
            by_shape.entry(&self.shapes[item]).or_default().push(item);
        }
        let passes = by_shape.values().flat_map(|items| items.chunks(self.batch_size)).map(<[_]>::to_vec);
        let mut passes: Vec<(u64, Vec<usize>)> =
            passes.zip(0..).map(|(items, i)| (self.number("passes", epoch, i), items)).collect();
        passes.sort();
        passes.into_iter().map(|(_, items)| items).collect()
    }

    /// All items, shuffled for one epoch.
    fn shuffled(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.shapes.len()).collect();
        order.sort_by_key(|item| (self.number("order", epoch, *item as u64), *item));
        order
    }

    fn number(&self, purpose: &str, epoch: u64, of: u64) -> u64 {
        derive(self.seed, &format!("train/{}/{purpose}", self.kind), epoch, of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_hold_one_shape_and_epochs_every_item_once() {
        let shapes: Vec<Vec<usize>> = [8, 6, 8, 8, 6, 4, 8].iter().map(|side| vec![4, *side, 48 / side]).collect();
        let order = Order::new(shapes.clone(), 2, "photo", 3);
        // Four of one shape, two of another, one of a third.
        assert_eq!(order.passes(), 4);
        let mut epochs = Vec::new();
        for epoch in 0..6 {
            let passes: Vec<Vec<Place>> = (epoch * 4..epoch * 4 + 4).map(|pass| order.pass(pass)).collect();
            for pass in &passes {
                assert!(pass.iter().all(|place| shapes[place.item] == shapes[pass[0].item]));
            }
            let mut items: Vec<usize> = passes.iter().flatten().map(|place| place.item).collect();
            epochs.push(items.clone());
            items.sort_unstable();
            assert_eq!(items, [0, 1, 2, 3, 4, 5, 6]);
            let numbers: Vec<u64> = passes.iter().flatten().map(|place| place.number).collect();
            assert_eq!(numbers, (epoch * 7..epoch * 7 + 7).collect::<Vec<_>>());
            assert!((epoch * 4..epoch * 4 + 4).all(|pass| order.epoch(pass) == epoch + 1));
        }
        assert!(epochs.windows(2).any(|pair| pair[0] != pair[1]), "epochs are shuffled");
    }

    #[test]
    fn class_images_have_the_shape_of_the_photos_beside_them() {
        let shape = |side: &usize| vec![4, *side, 48 / side];
        let photos = Order::new([8, 6, 8, 8, 6].iter().map(shape).collect(), 2, "photo", 3);
        let sides = [8, 6, 8, 6, 8, 8];
        let images = Order::new(sides.iter().map(shape).collect(), 2, "class", 3);
        let (mut used, mut numbers) = (vec![0; sides.len()], Vec::new());
        // 40 epochs of three passes: 120 photos of one shape, 80 of the other.
        for pass in 0..120 {
            let (places, beside) = (photos.pass(pass), images.beside(&photos, pass));
            assert_eq!(places.len(), beside.len());
            for (photo, image) in places.iter().zip(&beside) {
                assert_eq!(photos.shapes[photo.item], images.shapes[image.item]);
                assert_eq!(photo.number, image.number);
                used[image.item] += 1;
                numbers.push(image.number);
            }
        }
        assert_eq!(used, [30, 40, 30, 40, 30, 30]);
        assert_eq!(numbers, (0..200).collect::<Vec<_>>());
        // Of one shape they are what they were before there were several.
        let one = Order::new(vec![vec![4, 4, 4]; 5], 2, "class", 3);
        let photos = Order::new(vec![vec![4, 4, 4]; 3], 2, "photo", 3);
        assert_eq!(one.beside(&photos, 7), one.pass(7));
        assert_eq!(Order::new(vec![], 2, "class", 3).beside(&photos, 7), []);
    }
}
