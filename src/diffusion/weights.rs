//! Reads tensors from safetensors files: one file, a sharded set, or the weights of a diffusers folder.
//!
//! Only the header is read on opening; a tensor's bytes are read when a layer asks for them, with
//! plain positioned reads. A memory map would save one copy, but a file that shrinks underneath it
//! kills the process, and `unsafe` would be needed for it.
//! Format: <https://github.com/huggingface/safetensors#format>.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

use super::LoadError;

/// A header larger than this is refused. Stable Diffusion 1.5's UNet has one of 90 kB.
const MAX_HEADER: u64 = 16 << 20;

/// The tensors of one model, by name, still on disk.
#[derive(Debug)]
pub struct Weights {
    source: PathBuf,
    shards: Vec<PathBuf>,
    entries: BTreeMap<String, Entry>,
}

/// Where a tensor lies and what it is.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    shard: usize,
    /// The safetensors name of the type: `F32`, `BF16`, …
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    start: u64,
    bytes: u64,
}

#[derive(Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (u64, u64),
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
        let mut weights = Self { source: file.to_owned(), shards: Vec::new(), entries: BTreeMap::new() };
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

    fn open_index(index: &Path) -> Result<Self, LoadError> {
        let invalid = |reason: String| LoadError::Invalid { file: index.to_owned(), reason };
        let text =
            std::fs::read_to_string(index).map_err(|source| LoadError::Read { file: index.to_owned(), source })?;
        let parsed: Index = serde_json::from_str(&text).map_err(|e| invalid(e.to_string()))?;
        let folder = index.parent().unwrap_or(Path::new("."));
        let mut weights = Self { source: index.to_owned(), shards: Vec::new(), entries: BTreeMap::new() };
        for name in parsed.weight_map.values().collect::<BTreeSet<_>>() {
            if name.contains(['/', '\\', ':']) || name == ".." || !name.ends_with(".safetensors") {
                return Err(invalid(format!("{name:?} is not the name of a safetensors file in the same folder")));
            }
            weights.add_shard(&folder.join(name))?;
        }
        Ok(weights)
    }

    fn add_shard(&mut self, file: &Path) -> Result<(), LoadError> {
        let shard = self.shards.len();
        for (name, entry) in read_header(file, shard)? {
            if self.entries.insert(name.clone(), entry).is_some() {
                let reason = format!("tensor {name:?} is also in another file of the set");
                return Err(LoadError::Invalid { file: file.to_owned(), reason });
            }
        }
        self.shards.push(file.to_owned());
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
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.shards
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
        let file = &self.shards[entry.shard];
        let stored = float_type(&entry.dtype).ok_or_else(|| LoadError::Invalid {
            file: file.clone(),
            reason: format!("tensor {name:?} is of type {}, not a weight", entry.dtype),
        })?;
        let read = || -> std::io::Result<Vec<u8>> {
            let mut open = File::open(file)?;
            open.seek(SeekFrom::Start(entry.start))?;
            // The length was checked against the file's when it was opened.
            let mut bytes = vec![0; entry.bytes as usize];
            open.read_exact(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|source| LoadError::Read { file: file.clone(), source })?;
        let tensor = Tensor::from_raw_buffer(&bytes, stored, &entry.shape, &Device::Cpu)
            .and_then(|t| t.to_dtype(dtype))
            .and_then(|t| t.to_device(device));
        tensor.map(Some).map_err(|source| LoadError::Tensor { file: file.clone(), source: Box::new(source) })
    }
}

/// The candle type of a safetensors type that can hold weights.
pub(crate) fn float_type(name: &str) -> Option<DType> {
    match name {
        "F64" => Some(DType::F64),
        "F32" => Some(DType::F32),
        "F16" => Some(DType::F16),
        "BF16" => Some(DType::BF16),
        _ => None,
    }
}

fn bits(dtype: &str) -> Option<u64> {
    Some(match dtype {
        "F64" | "I64" | "U64" | "C64" => 64,
        "F32" | "I32" | "U32" => 32,
        "F16" | "BF16" | "I16" | "U16" => 16,
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" => 8,
        "F6_E2M3" | "F6_E3M2" => 6,
        "F4" => 4,
        _ => return None,
    })
}

/// Reads and checks a header: sizes agree with shapes, and the tensors fill the file exactly, without overlap.
fn read_header(file: &Path, shard: usize) -> Result<BTreeMap<String, Entry>, LoadError> {
    let unreadable = |source| LoadError::Read { file: file.to_owned(), source };
    let invalid = |reason: String| LoadError::Invalid { file: file.to_owned(), reason };
    let short = |expected, actual| LoadError::WrongLength { file: file.to_owned(), expected, actual };

    let mut open = File::open(file).map_err(unreadable)?;
    let length = open.metadata().map_err(unreadable)?.len();
    if length < 8 {
        return Err(short(8, length));
    }
    let mut size = [0; 8];
    open.read_exact(&mut size).map_err(unreadable)?;
    let size = u64::from_le_bytes(size);
    if size > MAX_HEADER {
        return Err(invalid(format!("the first 8 bytes give a header of {size} bytes, more than any model has")));
    }
    if size + 8 > length {
        return Err(short(size + 8, length));
    }
    let mut header = vec![0; size as usize];
    open.read_exact(&mut header).map_err(unreadable)?;
    let header: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&header).map_err(|e| invalid(format!("its header is not JSON: {e}")))?;

    let mut entries = BTreeMap::new();
    let mut spans = Vec::new();
    for (name, value) in header {
        if name == "__metadata__" {
            continue;
        }
        let info: Info =
            serde_json::from_value(value).map_err(|e| invalid(format!("the entry of tensor {name:?}: {e}")))?;
        let (start, end) = info.data_offsets;
        let bits = bits(&info.dtype).ok_or_else(|| invalid(format!("tensor {name:?} has type {:?}", info.dtype)))?;
        let bytes = info.shape.iter().try_fold(bits, |n, d| n.checked_mul(*d as u64)).map(|bits| bits.div_ceil(8));
        if start > end || end > length || bytes != Some(end - start) {
            // A shorter file than the header says is the usual damage, with its own message.
            if start <= end && bytes == Some(end - start) && end < u64::MAX / 2 {
                return Err(short(end + 8 + size, length));
            }
            return Err(invalid(format!(
                "tensor {name:?} of type {} and shape {:?} cannot lie at bytes {start}..{end}",
                info.dtype, info.shape
            )));
        }
        spans.push((start, end));
        let start = 8 + size + start;
        entries.insert(
            name,
            Entry { shard, dtype: info.dtype, shape: info.shape, start, bytes: end - info.data_offsets.0 },
        );
    }
    spans.sort_unstable();
    let mut filled = 0;
    for (start, end) in spans {
        if start != filled {
            return Err(invalid(format!("its tensors overlap or leave a hole at byte {filled} of the data")));
        }
        filled = end;
    }
    let expected = filled + 8 + size;
    if expected != length {
        return Err(short(expected, length));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, header: &str, data: &[u8]) -> PathBuf {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    const ONE: &str = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;

    fn two_floats() -> Vec<u8> {
        [1.5f32, -2.0].iter().flat_map(|f| f.to_le_bytes()).collect()
    }

    #[test]
    fn reads_and_converts() {
        let dir = tempfile::tempdir().unwrap();
        let weights = Weights::open(&write(dir.path(), "x.safetensors", ONE, &two_floats())).unwrap();
        let a = weights.read("a", &Device::Cpu, DType::BF16).unwrap().unwrap();
        assert_eq!(a.dtype(), DType::BF16);
        assert_eq!(a.to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap(), [1.5, -2.0]);
        assert!(weights.read("b", &Device::Cpu, DType::F32).unwrap().is_none());
    }

    #[test]
    fn cut_file_names_both_lengths() {
        let dir = tempfile::tempdir().unwrap();
        let file = write(dir.path(), "x.safetensors", ONE, &two_floats()[..5]);
        let actual = std::fs::metadata(&file).unwrap().len();
        let message = Weights::open(&file).unwrap_err().to_string();
        assert!(message.contains(&format!("should have {} bytes", actual + 3)), "{message}");
        assert!(message.contains(&format!("has {actual}")) && message.contains("x.safetensors"), "{message}");
        for cut in [0, 4, 20] {
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(dir.path().join("y.safetensors"), &bytes[..cut]).unwrap();
            let error = Weights::open(&dir.path().join("y.safetensors")).unwrap_err();
            assert!(matches!(error, LoadError::WrongLength { .. }), "{error}");
        }
    }

    #[test]
    fn hostile_headers_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let huge = dir.path().join("huge.safetensors");
        std::fs::write(&huge, [u64::MAX.to_le_bytes(), [0; 8]].concat()).unwrap();
        assert!(Weights::open(&huge).is_err());
        for header in [
            "[]",
            "{",
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}"#,
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
            r#"{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[18446744073709551615,18446744073709551615]}}"#,
        ] {
            let file = write(dir.path(), "bad.safetensors", header, &two_floats());
            assert!(matches!(Weights::open(&file), Err(LoadError::Invalid { .. })), "{header}");
        }
    }

    #[test]
    fn folder_choices() {
        let dir = tempfile::tempdir().unwrap();
        let none = Weights::open_folder(dir.path(), "model").unwrap_err().to_string();
        assert!(none.contains("has no model.safetensors"), "{none}");
        std::fs::write(dir.path().join("pytorch_model.bin"), b"x").unwrap();
        let pickle = Weights::open_folder(dir.path(), "model").unwrap_err().to_string();
        assert!(pickle.contains("pickle") && pickle.contains("safe_serialization"), "{pickle}");

        write(dir.path(), "model.fp16.safetensors", ONE, &two_floats());
        assert!(Weights::open_folder(dir.path(), "model").unwrap().source().ends_with("model.fp16.safetensors"));

        let second = ONE.replace("\"a\"", "\"b\"");
        write(dir.path(), "model-00001-of-00002.safetensors", ONE, &two_floats());
        write(dir.path(), "model-00002-of-00002.safetensors", &second, &two_floats());
        let index = r#"{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#;
        std::fs::write(dir.path().join("model.safetensors.index.json"), index).unwrap();
        let weights = Weights::open_folder(dir.path(), "model").unwrap();
        assert_eq!(weights.shapes().map(|(n, _)| n).collect::<Vec<_>>(), ["a", "b"]);

        let escape = r#"{"weight_map":{"a":"../secret.safetensors"}}"#;
        std::fs::write(dir.path().join("model.safetensors.index.json"), escape).unwrap();
        assert!(matches!(Weights::open_folder(dir.path(), "model"), Err(LoadError::Invalid { .. })));
    }

    #[test]
    fn rename_refuses_collisions() {
        let dir = tempfile::tempdir().unwrap();
        let header = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#;
        let file = write(dir.path(), "x.safetensors", header, &[1, 2]);
        assert!(Weights::open(&file).unwrap().rename(|_| Some("c".to_owned())).is_err());
        let renamed = Weights::open(&file).unwrap().rename(|n| (n == "b").then(|| "c".to_owned())).unwrap();
        assert!(renamed.contains("c") && !renamed.contains("a"));
        assert!(renamed.read("c", &Device::Cpu, DType::F32).unwrap_err().to_string().contains("U8"));
    }
}
