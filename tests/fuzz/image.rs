//! Changes of image files. A PNG whose checksums are wrong is refused at its first chunk, so they are mostly put
//! right again.

use fastrand::Rng;

use crate::mutate;

/// One change of an image file.
pub(crate) fn mutate(rng: &mut Rng, data: &mut Vec<u8>, other: &[u8]) {
    // What is decided before pixels stands at the beginning.
    let head = data.len().min(64 << rng.usize(..8));
    let mut tail = data.split_off(if rng.u8(..3) > 0 { head } else { data.len() });
    mutate::bytes(rng, data, other);
    data.append(&mut tail);
    if rng.u8(..8) > 0 {
        mend_png(data);
    }
}

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Writes the right checksum behind every chunk that is whole.
fn mend_png(data: &mut [u8]) {
    let Some(mut rest) = data.split_at_mut_checked(8).filter(|(start, _)| *start == SIGNATURE).map(|(_, rest)| rest)
    else {
        return;
    };
    while let Some((length, _)) = rest.split_first_chunk::<4>() {
        let end = 8 + u32::from_be_bytes(*length) as usize;
        let Some((chunk, after)) = rest.split_at_mut_checked(end) else { return };
        let Some((sum, after)) = after.split_first_chunk_mut::<4>() else { return };
        *sum = crc32fast::hash(&chunk[4..]).to_be_bytes();
        rest = after;
    }
}

/// A PNG with one more chunk behind its header.
pub(crate) fn with_chunk(png: &[u8], kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut chunk = (content.len() as u32).to_be_bytes().to_vec();
    chunk.extend(kind);
    chunk.extend(content);
    chunk.extend([0; 4]);
    // The signature and IHDR have 33 bytes.
    let mut file = [&png[..33], &chunk, &png[33..]].concat();
    mend_png(&mut file);
    file
}
