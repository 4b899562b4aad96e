//! Reads tensors from safetensors files: one file, a sharded set, or the weights of a diffusers folder.
//!
//! Only the header is read on opening; a tensor's bytes are read when a layer asks for them, with
//! plain positioned reads. A memory map would save one copy, but a file that shrinks underneath it
//! kills the process, and `unsafe` would be needed for it. Once the weights are [sealed](Weights::seal), each byte that
//! is read is compared with the hash of the file.
//! Format: <https://github.com/huggingface/safetensors#format>.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

use crate::hashing::HashedFile;
use crate::tensors::LoadError;
use crate::tensors::texts::small_text;
use header::read_header;
pub(crate) use header::{Entry, float_type};
use shard::Shard;

mod header;
mod shard;
#[cfg(test)]
mod tests;

/// The tensors of one model, by name, still on disk.
#[derive(Clone, Debug)]
pub struct Weights {
    source: PathBuf,
    shards: Vec<Shard>,
    entries: BTreeMap<String, Entry>,
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// Opens one `.safetensors` file.
    ///
    /// # Errors
    /// Names the file, and the expected and actual bytes where it is cut short.
    pub fn open(file: &Path) -> Result<Self, LoadError> {
        let mut weights = Self::empty(file);
        weights.add_shard(file)?;
        Ok(weights)
    }

    /// Opens the weights of a diffusers sub-folder. `stem` is `diffusion_pytorch_model` for a UNet or
    /// a VAE and `model` for a text encoder. Tried in this order: `<stem>.safetensors`,
    /// `<stem>.safetensors.index.json` (shards), `<stem>.fp16.safetensors`, its index.
    ///
    /// # Errors
    /// A folder with only `.bin` or `.ckpt` files is refused: a pickle can run any code.
    pub fn open_folder(folder: &Path, stem: &str) -> Result<Self, LoadError> {
        for stem in [stem.to_owned(), format!("{stem}.fp16")] {
            let file = folder.join(format!("{stem}.safetensors"));
            if file.is_file() {
                return Self::open(&file);
            }
            // diffusers writes `diffusion_pytorch_model.safetensors.index.fp16.json` for a variant.
            let index = match stem.strip_suffix(".fp16") {
                Some(plain) => format!("{plain}.safetensors.index.fp16.json"),
                None => format!("{stem}.safetensors.index.json"),
            };
            let index = folder.join(index);
            if index.is_file() {
                return Self::open_index(&index);
            }
        }
        let pickle = ["bin", "ckpt", "pt", "pth"];
        let has_pickle = std::fs::read_dir(folder)
            .map_err(|source| LoadError::Read { file: folder.to_owned(), source })?
            .flatten()
            .any(|f| f.path().extension().is_some_and(|e| pickle.iter().any(|p| e == *p)));
        let advice = has_pickle.then(|| {
            "it has pickle files only, which can run any code when loaded and are never read here: save the model \
             with `safe_serialization=True`, or use a revision that has safetensors"
                .to_owned()
        });
        Err(LoadError::NotFound { folder: folder.to_owned(), wanted: format!("{stem}.safetensors"), advice })
    }

    fn empty(source: &Path) -> Self {
        Self { source: source.to_owned(), shards: Vec::new(), entries: BTreeMap::new(), metadata: BTreeMap::new() }
    }

    fn open_index(index: &Path) -> Result<Self, LoadError> {
        let invalid = |reason: String| LoadError::Invalid { file: index.to_owned(), reason };
        let parsed: Index = serde_json::from_str(&small_text(index)?)
            .map_err(|_| invalid("it is not JSON with a `weight_map` from the names of tensors to files".to_owned()))?;
        let folder = index.parent().unwrap_or(Path::new("."));
        let mut weights = Self::empty(index);
        for name in parsed.weight_map.values().collect::<BTreeSet<_>>() {
            if name.contains(['/', '\\', ':']) || name == ".." || !name.ends_with(".safetensors") {
                return Err(invalid(format!("{name:?} is not the name of a safetensors file in the same folder")));
            }
            weights.add_shard(&folder.join(name))?;
        }
        Ok(weights)
    }

    fn add_shard(&mut self, file: &Path) -> Result<(), LoadError> {
        let header = read_header(file, self.shards.len())?;
        for (name, entry) in header.entries {
            if self.entries.insert(name.clone(), entry).is_some() {
                let reason = format!("tensor {name:?} is also in another file of the set");
                return Err(LoadError::Invalid { file: file.to_owned(), reason });
            }
        }
        self.metadata.extend(header.metadata);
        self.shards.push(Shard::new(file, &header.bytes));
        Ok(())
    }

    /// The same tensors under other names; a tensor whose new name is `None` is left out.
    ///
    /// # Errors
    /// Two tensors may not get the same name.
    pub fn rename(self, new_name: impl Fn(&str) -> Option<String>) -> Result<Self, LoadError> {
        let mut entries = BTreeMap::new();
        for (old, entry) in &self.entries {
            let Some(new) = new_name(old) else { continue };
            if entries.insert(new.clone(), entry.clone()).is_some() {
                let reason = format!("{old:?} and another tensor both stand for {new:?}");
                return Err(LoadError::Invalid { file: self.source, reason });
            }
        }
        Ok(Self { entries, ..self })
    }

    /// Cuts tensors into equal parts along their first dimension; `names` gives the names of the parts of a
    /// tensor to cut, `None` for one to keep. Nothing is read: parts are ranges of the same bytes.
    ///
    /// # Errors
    /// Rows that cannot be divided equally, and names that exist already.
    pub fn split_rows(self, names: impl Fn(&str) -> Option<Vec<String>>) -> Result<Self, LoadError> {
        let invalid = |reason: String| LoadError::Invalid { file: self.source.clone(), reason };
        let mut entries = BTreeMap::new();
        for (name, entry) in &self.entries {
            let parts = names(name).unwrap_or_else(|| vec![name.clone()]);
            let count = parts.len();
            let rows = entry.shape.first().copied().unwrap_or(0);
            if count > 1 && (rows == 0 || rows % count != 0 || entry.bytes % count as u64 != 0) {
                return Err(invalid(format!("{name:?} of shape {:?} cannot be cut into {count}", entry.shape)));
            }
            for (index, part) in parts.into_iter().enumerate() {
                let mut cut = entry.clone();
                if count > 1 {
                    cut.shape[0] = rows / count;
                    cut.bytes /= count as u64;
                    cut.start += index as u64 * cut.bytes;
                }
                if entries.insert(part.clone(), cut).is_some() {
                    return Err(invalid(format!("{name:?} and another tensor both stand for {part:?}")));
                }
            }
        }
        Ok(Self { entries, ..self })
    }

    /// The files the tensors lie in.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.shards.iter().map(Shard::path)
    }

    /// From now on only what was hashed is read; `files` has a hashed file for each of [`files`](Self::files). What was
    /// read before, such as the headers, is compared with the hashes at the first read.
    pub fn seal(&mut self, files: &BTreeMap<PathBuf, Arc<HashedFile>>) {
        for shard in &mut self.shards {
            if let Some(file) = files.get(shard.path()) {
                shard.seal(file.clone());
            }
        }
    }

    /// A text of the files' metadata.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// The file or index this was opened from.
    #[must_use]
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// Names and shapes, sorted by name.
    pub fn shapes(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry.shape.as_slice()))
    }

    /// Whether a tensor of that name is there.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// Reads one tensor, in its own shape, as `dtype` on `device`. `None`: there is none of that name.
    ///
    /// # Errors
    /// If the file cannot be read any more, or the tensor is of a type that cannot be a weight.
    pub fn read(&self, name: &str, device: &Device, dtype: DType) -> Result<Option<Tensor>, LoadError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let shard = &self.shards[entry.shard];
        shard.read(entry.start, entry.bytes, |bytes| tensor(shard.path(), name, entry, bytes, device, dtype))?.map(Some)
    }

    /// Reads one tensor as f32 before the weights are [sealed](Self::seal).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_early(&mut self, name: &str) -> Result<Option<Tensor>, LoadError> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        let shard = &mut self.shards[entry.shard];
        let bytes = shard.read_early(entry.start, entry.bytes)?;
        tensor(shard.path(), name, entry, &bytes, &Device::Cpu, DType::F32).map(Some)
    }
}

fn tensor(
    file: &Path,
    name: &str,
    entry: &Entry,
    bytes: &[u8],
    device: &Device,
    dtype: DType,
) -> Result<Tensor, LoadError> {
    let stored = float_type(&entry.dtype).ok_or_else(|| LoadError::Invalid {
        file: file.to_owned(),
        reason: format!("tensor {name:?} is of type {}, not a weight", entry.dtype),
    })?;
    Tensor::from_raw_buffer(bytes, stored, &entry.shape, &Device::Cpu)
        .and_then(|t| t.to_dtype(dtype))
        .and_then(|t| t.to_device(device))
        .map_err(|source| LoadError::Tensor { file: file.to_owned(), source: Box::new(source) })
}
