//! Photos whose small files promise much: scanning them must not take what they promise.

use runner::photos::scan;

use crate::files::{Files, golden};
use crate::harness::{Target, fuzz};
use crate::image::with_chunk;
use crate::mutate::Kind;

/// What metadata of these files unpack to.
const PROMISED: usize = 600 << 20;

/// A zlib stream of `count` zeros: one literal, then copies of 258 bytes from one byte before, in one block of fixed
/// codes (RFC 1951, section 3.2.6). The checksum at the end is left out.
fn zeros(count: usize) -> Vec<u8> {
    let mut out = vec![0x78, 0x9c];
    let (mut bits, mut filled) = (0u32, 0);
    let mut push = |code: u32, length: u32| {
        bits |= code << filled;
        filled += length;
        while filled >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            filled -= 8;
        }
    };
    let huffman = |code: u32, length: u32| code.reverse_bits() >> (32 - length);
    push(0b011, 3); // last block, fixed codes
    push(huffman(0b0011_0000, 8), 8); // the byte 0
    for _ in 0..count / 258 {
        push(huffman(0b1100_0101, 8), 8); // length 258
        push(0, 5); // distance 1
    }
    push(0, 7 + 8); // end of the block, and bits to fill the byte
    out
}

/// A GIF with two frames of one pixel on a screen of 14,000 × 14,000.
fn wide_gif() -> Vec<u8> {
    let side = 14_000u16.to_le_bytes();
    let frame = [0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 1, 0];
    let screen = [&b"GIF89a"[..], &side, &side, &[0x80, 0, 0], &[0, 0, 0, 255, 255, 255]].concat();
    [&screen[..], &frame, &frame, b";"].concat()
}

#[test]
fn bombs() {
    let png = golden("photos/inputs/size_2x9.png");
    let zeros = zeros(PROMISED);
    let chunks: [(&[u8; 4], &[u8]); 3] = [
        (b"iCCP", b"profile\0\0"),
        (b"zTXt", b"Raw profile type exif\0\0"),
        (b"iTXt", b"XML:com.adobe.xmp\0\x01\0\0\0"),
    ];
    let mut seeds: Vec<Vec<u8>> =
        chunks.iter().map(|(kind, head)| with_chunk(&png, kind, &[head, &zeros[..]].concat())).collect();
    seeds.push(wide_gif());
    let target = Target {
        name: "bombs",
        parts: &[Kind::Image],
        seeds: seeds.into_iter().map(|seed| vec![seed]).collect(),
        inputs: 0,
        memory: (128 << 20, 8),
    };
    let files = Files::new();
    fuzz(target, |input| match scan(&[files.put("photo", &input[0])], None) {
        Ok(scan) => format!("{} photos", scan.photos.len()),
        Err(error) => error.to_string(),
    });
}
