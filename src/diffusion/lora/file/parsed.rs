//! An adapter file taken apart: module → its tensors, whatever the naming.

use super::error::{LoraFileError, NotApplied};
use super::key::{self, Naming, Part, Role};
use candle_core::safetensors::Load;
use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The tensors of one module, with their names in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct RawModule {
    pub(super) down: Option<(String, Tensor)>,
    pub(super) up: Option<(String, Tensor)>,
    pub(super) alpha: Option<(String, Tensor)>,
}

/// A pair with its scale; the matrices in the file's dtype, on the CPU, two-dimensional.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) down: Tensor,
    pub(super) up: Tensor,
    pub(super) rank: usize,
    pub(super) alpha: f64,
    pub(super) scale: f64,
}

/// What a file holds, before any model is asked.
#[derive(Debug)]
pub(super) struct Parsed {
    /// (part, module name) → tensors. Kohya modules keep their underscores.
    pub(super) modules: BTreeMap<(Part, String), RawModule>,
    pub(super) namings: BTreeSet<Naming>,
    pub(super) metadata: BTreeMap<String, String>,
    /// Tensors that belong to no pair, with the reason.
    pub(super) rejected: Vec<(String, String)>,
    pub(super) tensor_count: usize,
    pub(super) alphas: Alphas,
}

/// No adapter is larger; a larger file is a checkpoint.
const MAX_BYTES: u64 = 4 << 30;

pub(super) fn read(path: &Path) -> Result<Parsed, LoraFileError> {
    let read_error = |source| LoraFileError::Read { path: path.to_owned(), source };
    let invalid = |reason: String| LoraFileError::Invalid { path: path.to_owned(), reason };
    let length = std::fs::metadata(path).map_err(read_error)?.len();
    if length > MAX_BYTES {
        return Err(invalid(format!("{length} bytes are too many for an adapter; is it a whole checkpoint?")));
    }
    let bytes = std::fs::read(path).map_err(read_error)?;
    let mut parsed = parse(&bytes).map_err(invalid)?;
    // peft keeps alpha beside the file.
    let config = path.with_file_name("adapter_config.json");
    if parsed.namings.contains(&Naming::Peft) && parsed.alphas.is_empty() && config.is_file() {
        let text =
            std::fs::read_to_string(&config).map_err(|source| LoraFileError::Read { path: config.clone(), source })?;
        parsed.alphas =
            Alphas::from_json(&text, "").map_err(|reason| LoraFileError::Invalid { path: config, reason })?;
    }
    Ok(parsed)
}

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| format!("not a safetensors file ({e})"))?;
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
        let tensor = match view.load(&Device::Cpu) {
            Ok(tensor) => tensor,
            Err(error) => {
                parsed.rejected.push((name, format!("cannot be read: {error}")));
                continue;
            }
        };
        let module = parsed.modules.entry((key.part, key.module)).or_default();
        let slot = match key.role {
            Role::Down => &mut module.down,
            Role::Up => &mut module.up,
            Role::Alpha => &mut module.alpha,
        };
        if let Some((first, _)) = slot {
            parsed.rejected.push((name, format!("the module already has {first}")));
        } else {
            *slot = Some((name, tensor));
            parsed.namings.insert(key.naming);
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

impl RawModule {
    /// The names of its tensors in the file.
    pub(super) fn tensor_names(&self) -> impl Iterator<Item = &String> {
        [&self.down, &self.up, &self.alpha].into_iter().flatten().map(|(name, _)| name)
    }

    /// Checks that the tensors fit each other; `name` (with dots) looks up alpha where the file has one for all.
    pub(super) fn pair(&self, name: &str, alphas: &Alphas) -> Result<Pair, String> {
        let (down, up) = match (&self.down, &self.up) {
            (Some((_, down)), Some((_, up))) => (matrix(down)?, matrix(up)?),
            (Some(_), None) => return Err("its partner, the up (B) matrix, is missing".to_owned()),
            (None, Some(_)) => return Err("its partner, the down (A) matrix, is missing".to_owned()),
            (None, None) => return Err("the module has an alpha but no matrices".to_owned()),
        };
        let rank = down.dims()[0];
        if up.dims()[1] != rank || rank == 0 {
            return Err(format!("the down matrix has rank {rank}, the up matrix {}", up.dims()[1]));
        }
        let own = self.alpha.as_ref().map(|(_, alpha)| number(alpha)).transpose()?;
        let alpha = match own.or_else(|| alphas.of(name)) {
            // kohya writes 0 for "the rank".
            None | Some(0.0) => rank as f64,
            Some(alpha) if alpha.is_finite() => alpha,
            Some(alpha) => return Err(format!("alpha is {alpha}")),
        };
        let scale = if alphas.rank_stabilised { alpha / (rank as f64).sqrt() } else { alpha / rank as f64 };
        Ok(Pair { down, up, rank, alpha, scale })
    }
}

/// A matrix; 1×1 convolution weights `(a, b, 1, 1)` are matrices too.
fn matrix(tensor: &Tensor) -> Result<Tensor, String> {
    let matrix = match tensor.dims() {
        [_, _] => tensor.clone(),
        [rows, columns, 1, 1] => tensor.reshape((*rows, *columns)).map_err(|e| e.to_string())?,
        [_, _, _, _] => return Err("adapters of 3×3 convolutions are not supported".to_owned()),
        other => return Err(format!("has shape {other:?}, not two dimensions")),
    };
    let sum = matrix.to_dtype(DType::F32).and_then(|m| (m * 0.)?.sum_all()?.to_scalar::<f32>());
    match sum.map_err(|e| e.to_string())? {
        0.0 => Ok(matrix),
        _ => Err("holds NaN or infinite numbers".to_owned()),
    }
}

fn number(alpha: &Tensor) -> Result<f64, String> {
    if alpha.elem_count() != 1 {
        return Err(format!("alpha has shape {:?}, not a single number", alpha.dims()));
    }
    let value = alpha.flatten_all().and_then(|a| a.to_dtype(DType::F64)?.to_vec1::<f64>());
    value.map(|v| v[0]).map_err(|e| e.to_string())
}

/// Alphas given for the whole file: peft's `adapter_config.json` or diffusers' `lora_adapter_metadata`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Alphas {
    default: Option<f64>,
    /// Module name or its last components → alpha.
    patterns: BTreeMap<String, f64>,
    /// rsLoRA: the scale is alpha / √rank.
    rank_stabilised: bool,
}

impl Alphas {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads peft's configuration; every key starts with `prefix`.
    fn from_json(text: &str, prefix: &str) -> Result<Self, String> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|e| format!("its LoRA configuration is not JSON: {e}"))?;
        let get = |key: &str| value.get(format!("{prefix}{key}")).filter(|v| !v.is_null());
        let flag = |key: &str| get(key).and_then(serde_json::Value::as_bool).unwrap_or(false);
        if flag("use_dora") {
            return Err("its configuration asks for DoRA, which is not supported".to_owned());
        }
        let mut patterns = BTreeMap::new();
        for (pattern, alpha) in get("alpha_pattern").and_then(|v| v.as_object()).into_iter().flatten() {
            let Some(alpha) = alpha.as_f64() else {
                return Err(format!("alpha of {pattern} is {alpha}, not a number"));
            };
            let name = pattern.strip_prefix('^').unwrap_or(pattern).replace("\\.", ".");
            if name.contains(['*', '+', '(', '[', '\\', '|', '?', '$']) {
                return Err(format!("alpha_pattern {pattern:?} is a regular expression, which is not supported"));
            }
            patterns.insert(name, alpha);
        }
        let default = get("lora_alpha").map(|alpha| alpha.as_f64().ok_or(format!("lora_alpha is {alpha}")));
        Ok(Self { default: default.transpose()?, patterns, rank_stabilised: flag("use_rslora") })
    }

    fn of(&self, module: &str) -> Option<f64> {
        let pattern = self.patterns.iter().find(|(pattern, _)| {
            module.strip_suffix(pattern.as_str()).is_some_and(|head| head.is_empty() || head.ends_with('.'))
        });
        pattern.map(|(_, alpha)| *alpha).or(self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphas_of_peft_configurations() {
        let text = r#"{"unet.lora_alpha": 8, "unet.r": 4, "unet.alpha_pattern": {"attn1.to_q": 2.0}, "unet.use_rslora": true}"#;
        let alphas = Alphas::from_json(text, "unet.").unwrap();
        assert_eq!(alphas.of("a.attn1.to_q"), Some(2.0));
        assert_eq!(alphas.of("a.battn1.to_q"), Some(8.0));
        assert!(alphas.rank_stabilised);
        assert!(Alphas::from_json("{}", "unet.").unwrap().is_empty());
        for wrong in [r#"{"use_dora": true}"#, r#"{"lora_alpha": "x"}"#, r#"{"alpha_pattern": {"a.*b": 1}}"#, "["] {
            assert!(Alphas::from_json(wrong, "").is_err(), "{wrong}");
        }
    }

    #[test]
    fn damaged_files_are_errors() {
        let good = crate::diffusion::tensor_file::write(
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
