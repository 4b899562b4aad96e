//! Hashes of files other programs own: by plain reads, remembered, and checked again whenever a part is read.
//!
//! [`Blocks`] is a file's blake3 hash with the nodes of its tree, one for each block: so a part that is read later can
//! be compared with what was hashed without reading the rest. [`HashedFile`] gives only bytes that agree with the
//! file's hash. [`HashCache`] remembers hashes, so that a model of gigabytes is not read again for each plan.
//! No file is mapped into memory: a file that shrinks under a map kills the process.

mod blocks;
mod cache;
mod fingerprint;
mod hashed;

pub use blocks::{Blocks, Part};
pub use cache::HashCache;
pub use fingerprint::Fingerprint;
pub use hashed::{HashedFile, ReadError};
