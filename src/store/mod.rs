//! The only door to disk artifacts: lookup, work, commit.
//!
//! ```text
//! <root>/<stage>/<key>/{manifest.json, files…, DONE}   an artifact; the key hashes everything it depends on
//! <root>/.work/<stage>-<key>[.<token>]/                work in progress, kept between attempts
//! <root>/.locks/<stage>-<key>/<number>                 who has the right to work, and its heartbeat
//! <root>/.failed/<stage>-<key>.json                    why the last attempt failed
//! <root>/.race/<name>                                  what a race decided at a rung
//! <root>/.trash/                                       on its way out
//! <root>/.in-use/                                      everyone who works here; `clean` wants to be alone
//! ```
//! A kill at any moment leaves a complete artifact or none, and the next run goes on from the last checkpoint;
//! see [`Workspace`] for the order of writes. Nothing read from disk is trusted: names, sizes and hashes are checked
//! whenever a file is read ([`StoredFile`]), and what does not fit counts as missing and is made again.

mod artifact;
mod clean;
mod earlier;
mod error;
mod failure;
mod files;
mod intact;
mod journal;
mod lease;
mod lookup;
mod manifest;
mod measure;
mod name;
mod notes;
mod places;
mod stored;
mod unfinished;
mod usage;
mod workspace;

pub use crate::files::TEMP_PREFIX;
pub use artifact::{Artifact, Found};
pub use clean::{Attempt, Entry, State, Working};
pub use earlier::Earlier;
pub use error::StoreError;
pub use failure::Failure;
pub use files::write_atomic;
pub use lease::Holder;
pub use lookup::{Claim, ReportTurn, Store};
pub use manifest::{FileEntry, Made, Manifest, STORE_VERSION};
pub use measure::{available_memory_bytes, now, peak_memory_bytes, reset_peak_memory, total_memory_bytes};
pub use name::CHECKPOINT;
pub use stored::StoredFile;

pub use workspace::Workspace;

/// What names an artifact.
pub use crate::stage::{Key, KeyInputs};

#[cfg(test)]
mod tests;
