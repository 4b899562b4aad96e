//! An adapter file taken apart: module → its tensors, whatever the naming.

use super::error::{LoraFileError, NotApplied, Refused, shortened};
use super::fp8;
use super::key::{self, Part, Role};
use super::module::RawModule;
use super::peft_config::PeftConfig;
use crate::files::plain_file;
use crate::models::delta::about::Naming;
use crate::tensors::looks::looks_like;
use crate::tensors::unique_names::first_duplicate;
use crate::tensors::weights::float_type;
use candle_core::safetensors::Load;
use candle_core::{Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

/// What a file holds, before any model is asked.
#[derive(Debug)]
pub(super) struct Parsed {
    /// (part, module name) → tensors. Kohya modules keep their underscores.
    pub(super) modules: BTreeMap<(Part, String), RawModule>,
    pub(super) namings: BTreeSet<Naming>,
    /// safetensors' names of the types of numbers, without those of alphas.
    pub(super) types: BTreeSet<String>,
    pub(super) metadata: BTreeMap<String, String>,
    /// Tensors that belong to no module, with the reason.
    pub(super) rejected: Vec<Refused>,
    pub(super) tensor_count: usize,
    configs: BTreeMap<Part, PeftConfig>,
}

/// No adapter is larger; a larger file is a checkpoint.
const MAX_BYTES: u64 = 4 << 30;
/// No `adapter_config.json` is larger.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// The metadata that diffusers keeps peft's configurations in.
pub(super) const CONFIGS: &str = "lora_adapter_metadata";

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
    if parsed.namings.contains(&Naming::Peft) && !parsed.metadata.contains_key(CONFIGS) && config.is_file() {
        let text = read_at_most(&config, MAX_CONFIG_BYTES, "peft writes less than a hundredth of that")?;
        let read = String::from_utf8(text)
            .map_err(|e| e.to_string())
            .and_then(|text| PeftConfig::from_json(&text, ""))
            .map_err(|reason| LoraFileError::Invalid { path: config, reason })?;
        parsed.configs = Part::ALL.into_iter().map(|part| (part, read.clone())).collect();
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
    let config = |part: Part| match metadata.get(CONFIGS) {
        Some(text) => PeftConfig::from_json(text, &format!("{}.", part.name())),
        None => Ok(PeftConfig::default()),
    };
    let configs = Part::ALL.into_iter().map(|part| Ok((part, config(part)?)));
    let mut parsed = Parsed {
        modules: BTreeMap::new(),
        namings: BTreeSet::new(),
        types: BTreeSet::new(),
        rejected: Vec::new(),
        tensor_count: file.len(),
        configs: configs.collect::<Result<_, String>>()?,
        metadata,
    };
    let mut names: Vec<_> = file.names().into_iter().map(str::to_owned).collect();
    names.sort();
    if names.is_empty() {
        return Err("it has no tensors".to_owned());
    }
    for name in names {
        let view = file.tensor(&name).map_err(|e| format!("{name}: {e}"))?;
        let shape = view.shape().to_vec();
        if let Err(reason) = parsed.take(&name, &view) {
            parsed.rejected.push(Refused { name, shape, reason });
        }
    }
    Ok(parsed)
}

/// The numbers; those of eight bits become f16.
fn numbers(view: &TensorView<'_>, is_alpha: bool) -> Result<Tensor, String> {
    let dtype = format!("{:?}", view.dtype());
    let read = |e: candle_core::Error| format!("cannot be read: {e}");
    if let Some(decode) = fp8::decoder(&dtype) {
        let numbers: Vec<half::f16> = view.data().iter().map(|byte| decode(*byte)).collect();
        return Tensor::from_vec(numbers, view.shape(), &Device::Cpu).map_err(read);
    }
    if !is_alpha && float_type(&dtype).is_none() {
        return Err(format!("is of type {dtype}, not f8 (e4m3, e5m2), f16, bf16, f32 or f64"));
    }
    view.load(&Device::Cpu).map_err(read)
}

impl Parsed {
    /// What peft's configuration in the file, or beside it, says of a part.
    pub(super) fn config(&self, part: Part) -> PeftConfig {
        self.configs.get(&part).cloned().unwrap_or_default()
    }

    /// Takes a tensor into its module; `Err` is the reason for people why it belongs to none.
    fn take(&mut self, name: &str, view: &TensorView<'_>) -> Result<(), String> {
        let key = key::parse(name)?;
        let tensor = numbers(view, key.role == Role::Alpha)?;
        let module = self.modules.entry((key.part, key.module)).or_default();
        let named = (name.to_owned(), tensor);
        let before = match key.role {
            Role::Tensor(kind, tensor) => match module.tensors.entry((kind, tensor)) {
                std::collections::btree_map::Entry::Occupied(place) => Some(place.get().0.clone()),
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(named);
                    None
                }
            },
            Role::OutputLengths => put(&mut module.output_lengths, named),
            Role::Lengths => put(&mut module.lengths, named),
            Role::Alpha => put(&mut module.alpha, named),
        };
        if let Some(first) = before {
            return Err(format!("the module already has {first}"));
        }
        self.namings.insert(key.naming);
        if key.role != Role::Alpha {
            self.types.insert(format!("{:?}", view.dtype()));
        }
        Ok(())
    }

    /// These tensors, and those that belong to no module; `None` if there are none.
    pub(super) fn left_out(&self, mut tensors: Vec<Refused>) -> Option<NotApplied> {
        tensors.extend(self.rejected.iter().cloned());
        tensors.sort();
        (!tensors.is_empty()).then_some(NotApplied { of: self.tensor_count, tensors })
    }
}

/// Fills an empty place; `Some` is the name of what is there already.
fn put(place: &mut Option<(String, Tensor)>, named: (String, Tensor)) -> Option<String> {
    match place {
        Some((first, _)) => Some(first.clone()),
        None => {
            *place = Some(named);
            None
        }
    }
}

impl RawModule {
    /// All its tensors as refused for one reason.
    pub(super) fn refused(&self, reason: &str) -> Vec<Refused> {
        let refused = |(name, tensor): &(String, Tensor)| Refused {
            name: name.clone(),
            shape: tensor.dims().to_vec(),
            reason: reason.to_owned(),
        };
        self.named().map(refused).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;

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
