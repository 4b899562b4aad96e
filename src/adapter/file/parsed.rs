//! An adapter file taken apart: module → its tensors, whatever the naming.

use super::alphas::Alphas;
use super::error::{LoraFileError, NotApplied, shortened};
use super::key::{self, Part, Role};
use super::module::RawModule;
use crate::files::plain_file;
use crate::models::delta::about::Naming;
use crate::tensors::looks::looks_like;
use crate::tensors::unique_names::first_duplicate;
use crate::tensors::weights::float_type;
use candle_core::Device;
use candle_core::safetensors::Load;
use safetensors::SafeTensors;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

/// What a file holds, before any model is asked.
#[derive(Debug)]
pub(super) struct Parsed {
    /// (part, module name) → tensors. Kohya modules keep their underscores.
    pub(super) modules: BTreeMap<(Part, String), RawModule>,
    pub(super) namings: BTreeSet<Naming>,
    pub(super) metadata: BTreeMap<String, String>,
    /// Tensors that belong to no module, with the reason.
    pub(super) rejected: Vec<(String, String)>,
    pub(super) tensor_count: usize,
    pub(super) alphas: Alphas,
}

/// No adapter is larger; a larger file is a checkpoint.
const MAX_BYTES: u64 = 4 << 30;
/// No `adapter_config.json` is larger.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

pub(super) fn read(path: &Path) -> Result<Parsed, LoraFileError> {
    let bytes = read_at_most(path, MAX_BYTES, "is it a whole checkpoint?")?;
    let invalid = |reason: String| LoraFileError::Invalid { path: path.to_owned(), reason };
    // The JSON of a header begins at byte 8, which is so in no other kind of file.
    if bytes.get(8) != Some(&b'{')
        && let Some(what) = looks_like(bytes.get(..512).unwrap_or(&bytes), path)
    {
        return Err(invalid(what));
    }
    let mut parsed = parse(&bytes).map_err(invalid)?;
    // peft keeps alpha beside the file.
    let config = path.with_file_name("adapter_config.json");
    if parsed.namings.contains(&Naming::Peft) && parsed.alphas.is_empty() && config.is_file() {
        let text = read_at_most(&config, MAX_CONFIG_BYTES, "peft writes less than a hundredth of that")?;
        parsed.alphas = String::from_utf8(text)
            .map_err(|e| e.to_string())
            .and_then(|text| Alphas::from_json(&text, ""))
            .map_err(|reason| LoraFileError::Invalid { path: config, reason })?;
    }
    Ok(parsed)
}

/// The bytes of a file, read only if they are few enough; never of a pipe or a device, which has no end.
fn read_at_most(path: &Path, limit: u64, question: &str) -> Result<Vec<u8>, LoraFileError> {
    let read_error = |source| LoraFileError::Read { path: path.to_owned(), source };
    let invalid = |reason: String| LoraFileError::Invalid { path: path.to_owned(), reason };
    plain_file::read(path, limit).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => invalid(error.to_string()),
        ErrorKind::FileTooLarge => invalid(format!("more than {limit} bytes are too many; {question}")),
        _ => read_error(error),
    })
}

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    let (size, header) = SafeTensors::read_metadata(bytes).map_err(|e| format!("not a safetensors file ({e})"))?;
    if let Some(name) = bytes.get(8..8 + size).and_then(first_duplicate) {
        return Err(format!("its header names the tensor {:?} twice", shortened(&name)));
    }
    let file = SafeTensors::deserialize(bytes).map_err(|e| format!("damaged safetensors file ({e})"))?;
    let metadata: BTreeMap<_, _> = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut parsed = Parsed {
        modules: BTreeMap::new(),
        namings: BTreeSet::new(),
        rejected: Vec::new(),
        tensor_count: file.len(),
        alphas: match metadata.get("lora_adapter_metadata") {
            Some(text) => Alphas::from_json(text, "unet.")?,
            None => Alphas::default(),
        },
        metadata,
    };
    let mut names: Vec<_> = file.names().into_iter().map(str::to_owned).collect();
    names.sort();
    if names.is_empty() {
        return Err("it has no tensors".to_owned());
    }
    for name in names {
        let key = match key::parse(&name) {
            Ok(key) => key,
            Err(reason) => {
                parsed.rejected.push((name, reason));
                continue;
            }
        };
        let view = file.tensor(&name).map_err(|e| format!("{name}: {e}"))?;
        let dtype = format!("{:?}", view.dtype());
        if key.role != Role::Alpha && float_type(&dtype).is_none() {
            parsed.rejected.push((name, format!("is of type {dtype}, not f16, bf16, f32 or f64")));
            continue;
        }
        let tensor = match view.load(&Device::Cpu) {
            Ok(tensor) => tensor,
            Err(error) => {
                parsed.rejected.push((name, format!("cannot be read: {error}")));
                continue;
            }
        };
        let module = parsed.modules.entry((key.part, key.module)).or_default();
        let first = match key.role {
            Role::Tensor(kind, place) => module.tensors.get(&(kind, place)),
            Role::Alpha => module.alpha.as_ref(),
        };
        if let Some((first, _)) = first {
            parsed.rejected.push((name, format!("the module already has {first}")));
            continue;
        }
        parsed.namings.insert(key.naming);
        match key.role {
            Role::Tensor(kind, place) => drop(module.tensors.insert((kind, place), (name, tensor))),
            Role::Alpha => module.alpha = Some((name, tensor)),
        }
    }
    Ok(parsed)
}

impl Parsed {
    /// The error for tensors that cannot be applied; `Ok` if there are none.
    pub(super) fn refuse(&self, path: &Path, mut tensors: Vec<(String, String)>) -> Result<(), LoraFileError> {
        tensors.extend(self.rejected.iter().cloned());
        tensors.sort();
        if tensors.is_empty() {
            return Ok(());
        }
        let tensors = NotApplied { of: self.tensor_count, tensors };
        Err(LoraFileError::NotApplied { path: path.to_owned(), tensors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Tensor};

    #[test]
    fn damaged_files_are_errors() {
        let good = crate::tensors::tensor_file::write(
            &BTreeMap::from([(
                "unet.m.to_q.lora.down.weight".to_owned(),
                Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap(),
            )]),
            &BTreeMap::new(),
        )
        .unwrap();
        assert!(parse(&good).is_ok());
        for cut in 0..good.len() {
            assert!(parse(&good[..cut]).is_err(), "{cut} bytes");
        }
        let mut huge = good;
        huge[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(parse(&huge).is_err());
    }
}
