//! The image encoders of a study: found on disk or on the Hub, checked, and hashed by content.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use candle_core::Device;

use super::error::{StageError, failed};
use super::locate::{Access, combined, locate};
use crate::experiment::settings::{EncoderChoice, Purpose};
use crate::hashing::{HashCache, HashedFile};
use crate::hub::Wanted;
use crate::kernels::Machine;
use crate::models::vision::{Encoder, EncoderParts, VERSION};
use crate::tensors::{ModelFolder, ModelPart};

/// The files of an encoder's folder, as transformers' `save_pretrained` writes it.
const FOLDER: ModelFolder = ModelFolder {
    pipelines: &[],
    shared: &[],
    parts: &[ModelPart { folder: "", stem: "model", class: "", tokenizer: None }],
    tokenizer: &[],
    optional: &[
        "preprocessor_config.json",
        "processor_config.json",
        "tokenizer.json",
        "vocab.json",
        "merges.txt",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
    ],
};

/// An encoder that is there and whole; its weights are not loaded yet.
#[derive(Clone, Debug)]
pub struct FoundEncoder {
    /// The folder.
    pub path: PathBuf,
    /// blake3 of the files that features depend on, and behind it the version of the code that makes the features.
    pub hash: String,
    /// What the user should know of its files, each a plain sentence.
    pub warnings: Vec<String>,
    /// Its weights are loaded from the files that were hashed and compared with the hashes.
    parts: Arc<EncoderParts>,
}

impl FoundEncoder {
    /// Finds an encoder, downloads the missing files of one of the Hub, checks the name and the shape of every tensor,
    /// and hashes the files whose hashes `cache` does not know.
    ///
    /// # Errors
    /// A missing folder, file or tensor, a Hub that cannot be reached, an encoder for prompts that reads no texts.
    pub fn find(choice: &EncoderChoice, cache: &mut HashCache, access: Access<'_>) -> Result<Self> {
        Self::open(choice, cache, access)
            .with_context(|| format!("the encoder \"{}\" of `evaluate.encoders` cannot be used", choice.name))
    }

    fn open(choice: &EncoderChoice, cache: &mut HashCache, access: Access<'_>) -> Result<Self> {
        let path = locate(&choice.model, Wanted::files(&[&FOLDER]), access)?;
        let mut parts = EncoderParts::open(&path)?;
        let info = parts.check()?;
        if choice.is_for(Purpose::Prompt) && !info.has_text {
            bail!("{} reads no texts, so it cannot be for prompts; a CLIP model does", path.display());
        }
        let mut files = BTreeMap::new();
        let mut hashes: Vec<blake3::Hash> = parts.text_hashes().copied().collect();
        for file in parts.weight_files() {
            let hashed = HashedFile::open(&file, cache).with_context(|| format!("cannot read {}", file.display()))?;
            hashes.push(*hashed.hash());
            files.insert(file, Arc::new(hashed));
        }
        parts.seal(&files);
        let hash = format!("{} v{VERSION}", combined(&hashes));
        Ok(Self { path, hash, warnings: info.warnings, parts: Arc::new(parts) })
    }

    /// The bytes that it holds at most while it looks at pictures. `None` for a network that cannot be built.
    #[must_use]
    pub fn memory(&self, machine: Machine) -> Option<u64> {
        self.parts.memory(machine).ok()
    }

    /// Loads the weights.
    ///
    /// # Errors
    /// A file that changed since it was hashed, a device without room.
    pub(super) fn load(&self, device: &Device) -> Result<Encoder, StageError> {
        EncoderParts::clone(&self.parts).load(device).map_err(failed)
    }
}
