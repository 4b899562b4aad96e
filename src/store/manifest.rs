//! What stands beside every artifact: what it was made from, by what, when, at what cost, and its files.

use super::{
    key::{Key, KeyInputs},
    name,
};
use crate::stage::Stage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Layout of the store on disk; bumped by hand when older artifacts can no longer be read.
pub const STORE_VERSION: u32 = 1;

/// `manifest.json` of an artifact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`STORE_VERSION`] of the program that wrote it.
    pub store_version: u32,
    /// Which piece of work.
    pub stage: Stage,
    /// The key, made of `stage` and `inputs`.
    pub key: Key,
    /// Everything the result depends on.
    pub inputs: KeyInputs,
    /// What the stage tells about its result; free form.
    #[serde(default)]
    pub info: Value,
    /// When it was committed, UTC, RFC 3339.
    pub created: String,
    /// Wall-clock seconds of the work, stopped attempts included.
    pub seconds: f64,
    /// Version of the program.
    pub runner_version: String,
    /// Where tensors lived, e.g. `cpu`.
    pub device: String,
    /// Threads the work could use.
    pub threads: usize,
    /// Largest resident memory of the process while it worked, if the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// Every file with its size and hash, by name.
    pub files: BTreeMap<String, FileEntry>,
}

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 of the content, 64 hex digits.
    pub blake3: String,
}

impl FileEntry {
    /// What a file with this content has.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() }
    }
}

/// Cost of the work, given at commit.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// Wall-clock seconds of this attempt.
    pub seconds: f64,
    /// Where tensors lived, e.g. `cpu`.
    pub device: String,
    /// Threads the work could use.
    pub threads: usize,
}

impl Manifest {
    /// Reads and checks a manifest that should belong to `stage` and `key`; says what is wrong otherwise.
    pub(super) fn parse(text: &[u8], stage: Stage, key: &Key) -> Result<Self, String> {
        /// Read first, so that a manifest of another layout is named as such.
        #[derive(Deserialize)]
        struct Version {
            store_version: u32,
        }
        let Version { store_version } =
            serde_json::from_slice(text).map_err(|e| format!("manifest.json is not readable ({e})"))?;
        if store_version != STORE_VERSION {
            return Err(format!("made by a runner with store version {store_version}, this one has {STORE_VERSION}"));
        }
        let manifest: Self =
            serde_json::from_slice(text).map_err(|e| format!("manifest.json is not readable ({e})"))?;
        if manifest.stage != stage || manifest.key != *key || manifest.inputs.key(stage) != *key {
            return Err("manifest.json belongs to another artifact".to_owned());
        }
        match manifest.files.keys().find(|file| !name::is_committed(file)) {
            Some(file) => Err(format!("manifest.json lists a file name that is not allowed: {file:?}")),
            None => Ok(manifest),
        }
    }

    /// Size of all files together, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.values().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_manifests_are_errors_not_panics() {
        let inputs = KeyInputs::new().with("a", 1);
        let key = inputs.key(Stage::Train);
        let good = Manifest {
            store_version: STORE_VERSION,
            stage: Stage::Train,
            key: key.clone(),
            inputs,
            info: Value::Null,
            created: "2026-01-01T00:00:00Z".into(),
            seconds: 1.0,
            runner_version: "0".into(),
            device: "cpu".into(),
            threads: 2,
            peak_memory_bytes: None,
            files: [("a".to_owned(), FileEntry { bytes: u64::MAX, blake3: String::new() })].into(),
        };
        let text = serde_json::to_string(&good).unwrap();
        assert_eq!(Manifest::parse(text.as_bytes(), Stage::Train, &key).unwrap(), good);
        let wrong = |text: &str| Manifest::parse(text.as_bytes(), Stage::Train, &key).unwrap_err();
        for name in ["../../x", "/etc/passwd", "checkpoint/x", "DONE", ""] {
            let text = wrong(&text.replace("\"a\":{\"bytes\"", &format!("{name:?}:{{\"bytes\"")));
            assert!(text.contains("not allowed"), "{text}");
        }
        assert!(wrong(&text.replace("\"store_version\":1", "\"store_version\":2")).contains("store version 2"));
        assert!(wrong(&text.replace("\"inputs\":{\"a\":1}", "\"inputs\":{\"a\":2}")).contains("another artifact"));
        assert!(wrong(&text.replace("train", "generate")).contains("another artifact"));
        assert!(wrong("").contains("not readable"));
        assert!(wrong(&"[".repeat(100_000)).contains("not readable"));
        for cut in 0..text.len() {
            assert!(Manifest::parse(&text.as_bytes()[..cut], Stage::Train, &key).is_err());
        }
    }
}
