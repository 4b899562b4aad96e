//! Small changes of an input, each of a kind that breaks parsers.

use fastrand::Rng;

use crate::{image, json, tensors, text};

/// What a part of an input is, and with it how it is changed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Text of lines and words.
    Text,
    /// JSON, changed as a tree as well.
    Json,
    /// A safetensors file, whose header is changed while its length stays right.
    Tensors,
    /// An image file; checksums of a PNG are put right most of the time.
    Image,
}

/// No part grows beyond this, so that an input stays fast.
const LARGEST: usize = 128 << 10;

/// Changes `data` once; `other` is the same part of another input, to take pieces from.
pub(crate) fn mutate(rng: &mut Rng, kind: Kind, data: &mut Vec<u8>, other: &[u8]) {
    match kind {
        Kind::Text if rng.u8(..10) < 8 => text::mutate(rng, data, other),
        Kind::Json => match rng.u8(..10) {
            0..6 => json::mutate(rng, data, other),
            6..9 => text::mutate(rng, data, other),
            _ => bytes(rng, data, other),
        },
        Kind::Tensors => tensors::mutate(rng, data, other),
        Kind::Image => image::mutate(rng, data, other),
        Kind::Text => bytes(rng, data, other),
    }
    data.truncate(LARGEST);
}

/// Numbers at the edges of integers.
const EDGES: [u64; 14] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX - 7,
    u64::MAX,
];

/// One change that knows nothing of the content.
pub(crate) fn bytes(rng: &mut Rng, data: &mut Vec<u8>, other: &[u8]) {
    let at = rng.usize(..=data.len());
    let length = 1 << rng.usize(..8);
    let end = (at + rng.usize(1..=length)).min(data.len());
    match rng.u8(..9) {
        0 if at < data.len() => data[at] ^= 1 << rng.u8(..8),
        1 if at < data.len() => data[at] = rng.u8(..),
        2 => drop(data.drain(at..end)),
        3 => drop(data.splice(at..at, std::iter::repeat_with(|| rng.u8(..)).take(end - at + 1).collect::<Vec<_>>())),
        4 => data.truncate(at),
        5 => {
            // An integer of 1, 2, 4 or 8 bytes in either order, at an edge or near its old value.
            let width = 1 << rng.usize(..4);
            if let Some(place) = data.get_mut(at..at + width) {
                let mut value =
                    EDGES[rng.usize(..EDGES.len())].wrapping_add(rng.u64(..3)).wrapping_sub(1).to_le_bytes();
                if rng.bool() {
                    value[..width].reverse();
                }
                place.copy_from_slice(&value[..width]);
            }
        }
        6 => {
            let piece = data[at..end].to_vec();
            let to = rng.usize(..=data.len());
            drop(data.splice(to..to, piece));
        }
        7 => {
            let from = rng.usize(..=other.len());
            let piece = other[from..(from + length).min(other.len())].to_vec();
            drop(data.splice(at..end, piece));
        }
        _ => {
            let piece = data[at..end].repeat(rng.usize(1..20));
            drop(data.splice(at..at, piece));
        }
    }
}
