//! The base model of a study: found on disk or on the Hub, checked, and hashed by content.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};

use super::locate::{Access, combined, locate};
use crate::experiment::settings::{Dtype, ModelSources};
use crate::hashing::{HashCache, HashedFile};
use crate::hub;
use crate::models::Model;
use crate::models::ModelSummary;
use crate::models::Network;
use crate::models::Parts;
use crate::models::Tokenizer;
use crate::models::elsewhere::{Elsewhere, VAE_ALONE, VAE_OF_MODEL};
use crate::models::families::{FOLDERS, TEXT_ENCODERS};
use crate::models::refusal;
use crate::models::storage::storage;

/// A model that is there and whole; its weights are not loaded yet.
#[derive(Clone, Debug)]
pub struct BaseModel {
    /// The folder or file.
    pub path: PathBuf,
    /// What it is, read from configurations and headers.
    pub summary: ModelSummary,
    /// blake3 of everything results depend on: weights, configurations, vocabulary.
    pub hash: String,
    /// What was read of the model. Its weights are loaded from the files that were hashed and compared with the hashes.
    parts: Arc<Parts>,
}

impl BaseModel {
    /// Finds the model, downloads the missing files of a Hub model, checks the name and the shape of every tensor, and
    /// hashes the files whose hashes `cache` does not know.
    ///
    /// # Errors
    /// A missing folder, part or tensor, a shape that does not fit, a Hub that cannot be reached.
    pub fn find(sources: &ModelSources, cache: &mut HashCache, access: Access<'_>) -> Result<Self> {
        let ModelSources { base, vae, text_encoders } = sources;
        let path = locate(base, hub::Wanted { kinds: &FOLDERS, refusal: &refusal }, access)?;
        let vae = vae
            .as_ref()
            .map(|vae| locate(vae, hub::Wanted::files(&[&VAE_ALONE, &VAE_OF_MODEL]), access))
            .transpose()?;
        let text_encoders = text_encoders
            .as_ref()
            .map(|model| locate(model, hub::Wanted::files(&TEXT_ENCODERS), access))
            .transpose()?;
        let elsewhere = Elsewhere { vae: vae.as_deref(), text_encoders: text_encoders.as_deref() };
        let mut parts = Parts::open_with(&path, &elsewhere)?;
        let summary = parts.check()?;
        let mut files = BTreeMap::new();
        let mut hashes = Vec::new();
        for file in parts.weight_files() {
            let hashed = HashedFile::open(&file, cache).with_context(|| format!("cannot read {}", file.display()))?;
            hashes.push(*hashed.hash());
            files.insert(file, Arc::new(hashed));
        }
        hashes.extend(parts.text_hashes());
        parts.seal(&files);
        Ok(Self { path, summary, hash: combined(&hashes), parts: Arc::new(parts) })
    }

    /// Loads the weights.
    ///
    /// # Errors
    /// A file that changed since it was hashed, a device without room.
    pub fn load(&self, device: &candle_core::Device, dtype: Dtype, low_memory: bool) -> Result<Model> {
        let storage = storage(dtype, low_memory);
        // `find` has checked the headers. They are compared with the hashed files when the first tensor is read.
        Ok(Parts::clone(&self.parts).load_checked(device, storage)?)
    }

    /// Its networks: their configurations.
    #[must_use]
    pub fn networks(&self) -> Vec<Network> {
        self.parts.networks().cloned().collect()
    }

    /// How the model reads prompts: the tokenizer of its first text encoder.
    #[must_use]
    pub fn tokenizer(&self) -> Option<&Tokenizer> {
        self.parts.tokenizer()
    }

    /// What it is, in one line; of a model of the Hub also its commit.
    #[must_use]
    pub fn about(&self) -> String {
        let is_snapshot = self.path.parent().is_some_and(|folder| folder.ends_with("snapshots"));
        let commit = self.path.file_name().filter(|_| is_snapshot).map(|name| name.to_string_lossy());
        let commit = commit.map(|commit| format!(", commit {commit}")).unwrap_or_default();
        format!("{}{commit}", self.parts.about())
    }

    /// What the user should know of the model's files, each a plain sentence.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.parts.warnings
    }
}
