//! The base model of a study: found on disk or on the Hub, checked, and hashed by content.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::StopFlag;
use crate::{
    diffusion::{ModelSummary, Parts, StableDiffusion, hub, single_file},
    event::{Event, Observer},
    experiment::settings::{Base, Dtype},
    kernels::{Packing, Storage},
};

/// A model that is there and whole; its weights are not loaded yet.
#[derive(Clone, Debug)]
pub struct BaseModel {
    /// The folder or file.
    pub path: PathBuf,
    /// What it is, read from configurations and headers.
    pub summary: ModelSummary,
    /// blake3 of everything results depend on: weights, configurations, vocabulary.
    pub hash: String,
}

impl BaseModel {
    /// Finds the model, downloads what is missing of one of the Hub, checks every tensor's name and shape, and hashes its files.
    ///
    /// # Errors
    /// A missing folder, part or tensor, a shape that does not fit, a Hub that cannot be reached.
    pub fn find(base: &Base, offline: bool, observer: &dyn Observer, stop: &StopFlag) -> Result<Self> {
        let path = locate(base, offline, observer, stop)?;
        let parts = parts(&path)?;
        let summary = parts.check()?;
        let hash = hash(&files(&path, &parts)).with_context(|| format!("cannot read the model {}", path.display()))?;
        Ok(Self { path, summary, hash })
    }

    /// Loads the weights.
    ///
    /// # Errors
    /// A file that changed since it was checked, a device without room.
    pub fn load(&self, device: &candle_core::Device, dtype: Dtype, low_memory: bool) -> Result<StableDiffusion> {
        let dtype = match dtype {
            Dtype::F32 => candle_core::DType::F32,
            Dtype::Bf16 => candle_core::DType::BF16,
            Dtype::F16 => candle_core::DType::F16,
        };
        let packing = if low_memory { Packing::Small } else { Packing::Fast };
        Ok(parts(&self.path)?.load(device, Storage { dtype, packing })?)
    }
}

fn locate(base: &Base, offline: bool, observer: &dyn Observer, stop: &StopFlag) -> Result<PathBuf> {
    let news = |news| observer.observe(&event(news));
    let watch = hub::Watch { news: &news, stop: &|| stop.is_set() };
    Ok(match base {
        Base::Folder(path) | Base::File(path) => path.clone(),
        Base::Hub { id, revision } => hub::resolve(id, revision.as_deref(), offline, watch)?,
    })
}

/// What a download tells, as an event.
fn event(news: hub::News) -> Event {
    match news {
        hub::News::Piece(hub::Download { file, done, total, resumed, bytes_per_second }) => {
            Event::Download { file, done, total, resumed, bytes_per_second }
        }
        hub::News::Failed { file } => Event::DownloadFailed { file },
        hub::News::Note(message) => Event::Note { message },
        hub::News::Warning(message) => Event::Warning { message },
    }
}

fn parts(path: &Path) -> Result<Parts> {
    Ok(if path.is_dir() { Parts::from_folder(path)? } else { single_file::open(path)? })
}

/// Every file the model's results depend on, in a fixed order.
fn files(path: &Path, parts: &Parts) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = [&parts.unet.1, &parts.vae.1, &parts.text_encoder.1]
        .into_iter()
        .flat_map(|weights| weights.files().iter().cloned())
        .collect();
    files.dedup();
    if path.is_dir() {
        const TEXTS: [&str; 8] = [
            "scheduler/scheduler_config.json",
            "unet/config.json",
            "vae/config.json",
            "text_encoder/config.json",
            "tokenizer/tokenizer_config.json",
            "tokenizer/vocab.json",
            "tokenizer/merges.txt",
            "tokenizer/tokenizer.json",
        ];
        files.extend(TEXTS.iter().map(|name| path.join(name)).filter(|file| file.is_file()));
    }
    files
}

/// Hash of the files' contents in the order given; names and places do not count.
fn hash(files: &[PathBuf]) -> std::io::Result<String> {
    let mut whole = blake3::Hasher::new();
    for file in files {
        let mut hasher = blake3::Hasher::new();
        hasher.update_mmap(file)?;
        whole.update(hasher.finalize().as_bytes());
    }
    Ok(whole.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_contents_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (a, b, copy) = (file("a", "1"), file("b", "2"), file("copy", "1"));
        let one = hash(&[a.clone(), b.clone()]).unwrap();
        assert_eq!(one, hash(&[copy, b.clone()]).unwrap());
        assert_ne!(one, hash(&[b, a]).unwrap());
    }
}
