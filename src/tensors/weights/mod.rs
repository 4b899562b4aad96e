//! Reads tensors from safetensors files: one file, a sharded set, or the weights of a diffusers folder.
//!
//! Only the header is read on opening; a tensor's bytes are read when a layer asks for them, with
//! plain positioned reads. A memory map would save one copy, but a file that shrinks underneath it
//! kills the process, and `unsafe` would be needed for it. Once the weights are [sealed](Weights::seal), each byte that
//! is read is compared with the hash of the file.
//! Format: <https://github.com/huggingface/safetensors#format>.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};

use crate::files::pickle::{convert_folder, is_pickle};
use crate::hashing::HashedFile;
use crate::tensors::LoadError;
use crate::tensors::folder::weight_names;
use header::read_header;
pub(crate) use header::{Entry, float_type};
use index::Index;
use shard::Shard;

mod header;
mod index;
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

impl Weights {
    /// Opens one `.safetensors` file.
    ///
    /// # Errors
    /// Names the file, and the expected and actual bytes where it is cut short.
    pub fn open(file: &Path) -> Result<Self, LoadError> {
        let mut weights = Self::empty(file);
        weights.add_shard(file, &|_| true)?;
        Ok(weights)
    }

    /// Opens the weights of a diffusers sub-folder. `stem` is `diffusion_pytorch_model` for a UNet or
    /// a VAE and `model` for a text encoder. [`weight_names`] has the names that are tried.
    ///
    /// # Errors
    /// A folder with only `.bin` or `.ckpt` files is refused: a pickle can run any code.
    pub fn open_folder(folder: &Path, stem: &str) -> Result<Self, LoadError> {
        for (name, _) in weight_names(stem) {
            let file = folder.join(&name);
            if file.is_file() {
                return if name.ends_with(".json") { Self::open_index(&file) } else { Self::open(&file) };
            }
        }
        let has_pickle = std::fs::read_dir(folder)
            .map_err(|source| LoadError::Read { file: folder.to_owned(), source })?
            .flatten()
            .any(|file| is_pickle(&file.path()));
        let advice = has_pickle.then(|| {
            // The folder of a part lies in that of the model, which is what diffusers opens.
            let model = folder.parent().filter(|model| model.join("model_index.json").is_file()).unwrap_or(folder);
            let way_out = convert_folder(model);
            format!(
                "it has pickle files only, which can run any code when they are opened and are never read: {way_out}"
            )
        });
        Err(LoadError::NotFound { folder: folder.to_owned(), wanted: format!("{stem}.safetensors"), advice })
    }

    fn empty(source: &Path) -> Self {
        Self { source: source.to_owned(), shards: Vec::new(), entries: BTreeMap::new(), metadata: BTreeMap::new() }
    }

    fn open_index(index: &Path) -> Result<Self, LoadError> {
        let list = Index::read(index)?;
        let folder = index.parent().unwrap_or(Path::new("."));
        let mut weights = Self::empty(index);
        for name in list.shards() {
            let file = folder.join(name);
            if !file.is_file() {
                let advice = Some(format!("{} names it: download or copy it again", index.display()));
                return Err(LoadError::NotFound { folder: folder.to_owned(), wanted: name.to_owned(), advice });
            }
            // Where two files have a tensor, the list says which one counts.
            weights.add_shard(&file, &|tensor| list.shard_of(tensor).is_none_or(|shard| shard == name))?;
        }
        match list.tensors().find(|(tensor, _)| !weights.contains(tensor)) {
            None => Ok(weights),
            Some((tensor, shard)) => Err(LoadError::Invalid {
                file: index.to_owned(),
                reason: format!("it says that tensor {tensor:?} is in {shard}, which does not have it"),
            }),
        }
    }

    /// Adds the tensors of a file that are `wanted`.
    fn add_shard(&mut self, file: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<(), LoadError> {
        let header = read_header(file, self.shards.len())?;
        for (name, entry) in header.entries.into_iter().filter(|(name, _)| wanted(name)) {
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
            if count > 1 && (entry.transposed || rows == 0 || rows % count != 0 || entry.bytes % count as u64 != 0) {
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

    /// The same with one matrix, if it is there, read as the transpose of what lies in the file.
    #[must_use]
    pub fn transpose(mut self, name: &str) -> Self {
        if let Some(entry) = self.entries.get_mut(name).filter(|entry| entry.shape.len() == 2) {
            entry.shape.reverse();
            entry.transposed = !entry.transposed;
        }
        self
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

    /// How many tensors have which type, by its safetensors name.
    pub(crate) fn types(&self) -> BTreeMap<&str, usize> {
        let mut types = BTreeMap::new();
        for entry in self.entries.values() {
            *types.entry(entry.dtype.as_str()).or_default() += 1;
        }
        types
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
    let mut shape = entry.shape.clone();
    if entry.transposed {
        shape.reverse();
    }
    Tensor::from_raw_buffer(bytes, stored, &shape, &Device::Cpu)
        .and_then(|t| if entry.transposed { t.t()?.contiguous() } else { Ok(t) })
        .and_then(|t| t.to_dtype(dtype))
        .and_then(|t| t.to_device(device))
        .map_err(|source| LoadError::Tensor { file: file.to_owned(), source: Box::new(source) })
}
