//! blake3's tree over a file, cut into blocks.

use std::{fs::File, io, ops::Deref};

use blake3::{
    Hash, Hasher,
    hazmat::{ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root},
};
use rayon::prelude::*;

/// A power of two of blake3's chunks, so that every block is a whole branch of its tree. Small enough that the block
/// around a small tensor is soon read, large enough that a file of 4 GB has only 16,384 of them (512 kB).
const BLOCK: u64 = 256 << 10;

/// One thread reads this much at once.
const PIECE: u64 = 16 * BLOCK;

/// Pieces near each other are read at the same time, so that a disk does not have to jump.
const PIECES_AT_ONCE: u64 = 16;

/// The hash of a file's content and of each of its blocks.
#[derive(Clone, Debug)]
pub struct Blocks {
    length: u64,
    hash: Hash,
    /// One for each block; empty if the file is a single block, which `hash` describes by itself.
    values: Vec<ChainingValue>,
}

/// Bytes of a file that agree with its hash.
#[derive(Debug)]
pub struct Part {
    buffer: Vec<u8>,
    skip: usize,
}

impl Deref for Part {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[self.skip..]
    }
}

impl Blocks {
    /// Reads the whole file on all cores.
    ///
    /// # Errors
    /// A file that cannot be read, or whose length changes meanwhile.
    pub fn of(file: &File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut values = Vec::new();
        let mut hash = None;
        let pieces = length.div_ceil(PIECE);
        for first in (0..pieces).step_by(PIECES_AT_ONCE as usize) {
            let read =
                (first..pieces.min(first + PIECES_AT_ONCE)).into_par_iter().map_init(Vec::new, |buffer, piece| {
                    let start = piece * PIECE;
                    buffer.resize(PIECE.min(length - start) as usize, 0);
                    read_at(file, buffer, start)?;
                    if length <= BLOCK {
                        return Ok((Some(blake3::hash(buffer)), Vec::new()));
                    }
                    let block = |(i, bytes)| chaining_value(start + i as u64 * BLOCK, bytes);
                    Ok((None, buffer.chunks(BLOCK as usize).enumerate().map(block).collect()))
                });
            for (whole, some) in read.collect::<io::Result<Vec<(Option<Hash>, Vec<ChainingValue>)>>>()? {
                hash = whole;
                values.extend(some);
            }
        }
        if file.metadata()?.len() != length {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the file changed its length while it was read"));
        }
        let hash = match hash {
            Some(hash) => hash,
            None if values.is_empty() => blake3::hash(&[]),
            None => root(&values, length),
        };
        Ok(Self { length, hash, values })
    }

    /// The hash of the whole content, as `b3sum` prints it.
    #[must_use]
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// Reads `bytes` bytes from `start` on; `None` if the file no longer has the content that was hashed.
    ///
    /// # Errors
    /// A file that cannot be read, or has become shorter.
    pub fn read(&self, file: &File, start: u64, bytes: u64) -> io::Result<Option<Part>> {
        let end = start.checked_add(bytes).filter(|end| *end <= self.length);
        let end = end.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let (from, to) = match self.values.is_empty() {
            true => (0, self.length),
            false => (start / BLOCK * BLOCK, end.next_multiple_of(BLOCK).min(self.length)),
        };
        let skip = (start - from) as usize;
        // What is asked for begins at a multiple of 8, as numbers should.
        let pad = skip.next_multiple_of(8) - skip;
        let mut buffer = vec![0; pad + (to - from) as usize];
        let read = &mut buffer[pad..];
        read_at(file, read, from)?;
        let right = if self.values.is_empty() {
            blake3::hash(read) == self.hash
        } else {
            read.par_chunks(BLOCK as usize).enumerate().all(|(i, block)| {
                let at = from + i as u64 * BLOCK;
                chaining_value(at, block) == self.values[(at / BLOCK) as usize]
            })
        };
        buffer.truncate(pad + (end - from) as usize);
        Ok(right.then_some(Part { buffer, skip: pad + skip }))
    }
}

fn chaining_value(offset: u64, block: &[u8]) -> ChainingValue {
    Hasher::new().set_input_offset(offset).update(block).finalize_non_root()
}

/// The hash of a file of more than one block.
fn root(values: &[ChainingValue], length: u64) -> Hash {
    let (left, right) = branches(values, length);
    merge_subtrees_root(&left, &right, Mode::Hash)
}

fn branches(values: &[ChainingValue], length: u64) -> (ChainingValue, ChainingValue) {
    let left = left_subtree_len(length);
    let (first, second) = values.split_at((left / BLOCK) as usize);
    (node(first, left), node(second, length - left))
}

fn node(values: &[ChainingValue], length: u64) -> ChainingValue {
    match values {
        [one] => *one,
        more => {
            let (left, right) = branches(more, length);
            merge_subtrees_non_root(&left, &right, Mode::Hash)
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, start)
}

/// Elsewhere a file has one position, which threads must not move at the same time.
#[cfg(not(unix))]
fn read_at(mut file: &File, buffer: &mut [u8], start: u64) -> io::Result<()> {
    use std::io::{Read as _, Seek as _};
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.seek(io::SeekFrom::Start(start))?;
    file.read_exact(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    fn bytes(length: u64) -> Vec<u8> {
        (0..length).map(|i| (i * 31 % 251) as u8).collect()
    }

    fn file(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    #[test]
    fn the_hash_is_blake3_of_the_content() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK + 7, PIECE + BLOCK, 17 * PIECE + 1025] {
            let content = bytes(length);
            assert_eq!(Blocks::of(&file(&content)).unwrap().hash(), &blake3::hash(&content), "{length}");
        }
    }

    #[test]
    fn parts_are_what_was_hashed() {
        for length in [300, 3 * BLOCK + 7] {
            let content = bytes(length);
            let mut file = file(&content);
            let blocks = Blocks::of(&file).unwrap();
            for (start, end) in [(0, 0), (0, 8), (100, 300), (length - 5, length), (0, length), (length / 2, length)] {
                let part = blocks.read(&file, start, end - start).unwrap().unwrap();
                assert_eq!(part[..], content[start as usize..end as usize], "{start}..{end} of {length}");
            }
            assert!(blocks.read(&file, length, 1).is_err() && blocks.read(&file, u64::MAX, 2).is_err());
            // Another byte in the last block: parts of it are refused, the others still hold.
            file.seek(std::io::SeekFrom::Start(length - 1)).unwrap();
            file.write_all(&[255]).unwrap();
            assert!(blocks.read(&file, length - 5, 1).unwrap().is_none());
            assert_eq!(blocks.read(&file, 0, 8).unwrap().is_some(), length > BLOCK);
            file.set_len(length - 1).unwrap();
            assert!(blocks.read(&file, length - 5, 5).is_err());
        }
    }
}
