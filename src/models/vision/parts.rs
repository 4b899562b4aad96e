//! An encoder before its weights are loaded: checked, hashed, then loaded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use blake3::Hash;
use candle_core::Device;

use super::config::{EncoderConfig, MOST_PATCHES, VisionConfig};
use super::encoder::Encoder;
use super::info::EncoderInfo;
use super::kind::EncoderKind;
use super::positions::Resampling;
use super::preprocessing::Preprocessing;
use super::processor;
use super::text::{TextTower, misfit};
use super::transformer::VisionTransformer;
use crate::hashing::HashedFile;
use crate::kernels::Storage;
use crate::models::layers::{Layers, build, check};
use crate::models::on_demand::OnDemand;
use crate::models::tokenizer::{self, Tokenizer};
use crate::tensors::texts::Texts;
use crate::tensors::{LoadError, Weights};

/// A version of the numbers: it is raised when equal files give other features.
pub const VERSION: u32 = 1;

const CONFIG: &str = "config.json";

/// An encoder with its weights still on disk.
#[derive(Clone, Debug)]
pub struct EncoderParts {
    folder: PathBuf,
    pub(super) config: EncoderConfig,
    preprocessing: Preprocessing,
    /// Height and width of the pictures that the network reads.
    pub(super) size: (usize, usize),
    tokenizer: Option<Arc<Tokenizer>>,
    weights: Weights,
    /// Hash of each text that features depend on, by its name.
    texts: BTreeMap<String, Hash>,
}

impl EncoderParts {
    /// Opens a folder as `save_pretrained` of transformers writes it. It reads configurations, vocabulary and headers.
    ///
    /// # Errors
    /// Names what is missing or not supported, or what else the folder holds.
    pub fn open(folder: &Path) -> Result<Self, LoadError> {
        let texts = Texts::of(folder, &[CONFIG, processor::NAMES[0], processor::NAMES[1]])?;
        let Some(text) = texts.get(CONFIG)? else { return Err(no_encoder(folder)) };
        let config = EncoderConfig::parse(&texts.path(CONFIG), text)?;
        let (processor, preprocessing, size) = processor::read(&texts, config.kind)?;
        let side = config.vision.patch_size;
        let patches = (size.0 / side) * (size.1 / side);
        if patches == 0 || patches > MOST_PATCHES {
            let reason = format!(
                "it makes pictures of {} × {} pixels, which have {patches} patches of {side} pixels; they must have \
                 between 1 and {MOST_PATCHES}",
                size.1, size.0
            );
            return Err(LoadError::Invalid { file: texts.path(processor), reason });
        }
        let weights = Weights::open_folder(folder, "model")?;
        let mut hashes: BTreeMap<String, Hash> = texts.hashes("").collect();
        hashes.retain(|name, _| name == CONFIG || name == processor);
        let mut tokenizer = None;
        if let Some(text) = &config.text {
            let mut words = BTreeMap::new();
            let ours = tokenizer::open(folder, "tokenizer", &mut words)?;
            if let Some(reason) = misfit(text, &ours) {
                return Err(LoadError::Invalid { file: folder.to_owned(), reason });
            }
            hashes.extend(words.into_iter().map(|(name, hash)| (name.replace("tokenizer/", ""), hash)));
            tokenizer = Some(Arc::new(ours));
        }
        Ok(Self { folder: folder.to_owned(), config, preprocessing, size, tokenizer, weights, texts: hashes })
    }

    /// The files that features depend on: configurations and vocabulary, then weights.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        self.texts.keys().map(|name| self.folder.join(name)).chain(self.weight_files()).collect()
    }

    /// The files with tensors.
    #[must_use]
    pub fn weight_files(&self) -> Vec<PathBuf> {
        self.weights.files().map(Path::to_owned).collect()
    }

    /// The hashes of the texts that features depend on, as they were read, in the order in which they count for the
    /// encoder's hash.
    pub fn text_hashes(&self) -> impl Iterator<Item = &Hash> {
        self.texts.values()
    }

    /// From now on nothing but what was hashed is loaded; `files` has a hashed file for each of the
    /// [`weight_files`](Self::weight_files).
    pub fn seal(&mut self, files: &BTreeMap<PathBuf, Arc<HashedFile>>) {
        self.weights.seal(files);
    }

    /// Checks that every tensor is there. Reads headers only: this takes milliseconds and no memory for weights.
    ///
    /// # Errors
    /// Names every tensor that is missing, superfluous or of the wrong shape.
    pub fn check(&self) -> Result<EncoderInfo, LoadError> {
        let (_, size) = check(&self.weights, |at| {
            let text = self.config.text.as_ref().map(|text| TextTower::new(text, at));
            Ok((vision(&self.config, at)?, text.transpose()?))
        })?;
        Ok(EncoderInfo {
            kind: self.config.kind,
            image_size: self.size,
            dim: self.config.vision.dim(),
            has_text: self.config.text.is_some(),
            parameters: size.parameters,
            warnings: self.warnings(),
        })
    }

    fn warnings(&self) -> Vec<String> {
        let VisionConfig { image_size: trained, patch_size: side, .. } = self.config.vision;
        let (height, width) = self.size;
        let mut warnings = Vec::new();
        // DINOv2 was published with positions for 518 pixels and a preprocessing to 224.
        let usual = matches!(self.config.kind, EncoderKind::Dinov2 | EncoderKind::Dinov2WithRegisters);
        if (height, width) != (trained, trained) && !usual {
            warnings.push(format!(
                "The encoder reads pictures of {width} × {height} pixels, but was trained with {trained} × {trained}; \
                 its positions are resized."
            ));
        }
        if !height.is_multiple_of(side) || !width.is_multiple_of(side) {
            warnings.push(format!(
                "The encoder reads pictures of {width} × {height} pixels in patches of {side}; it does not see the \
                 pixels at the right and the lower edge that fill no patch."
            ));
        }
        warnings.extend(self.tokenizer.iter().flat_map(|tokenizer| tokenizer.warnings().iter().cloned()));
        warnings
    }

    /// Loads the network for images onto `device`; that for texts is loaded when the first text comes.
    ///
    /// # Errors
    /// Everything [`check`](Self::check) finds, and a device without room.
    pub fn load(self, device: &Device) -> Result<Encoder, LoadError> {
        let info = self.check()?;
        let storage = Storage::from(candle_core::DType::F32);
        let network = build(&self.weights, device, storage, |at| vision(&self.config, at))?;
        let how = match info.kind {
            EncoderKind::Dinov2WithRegisters => Resampling::Antialiased,
            EncoderKind::Clip | EncoderKind::Dino | EncoderKind::Dinov2 => Resampling::Bicubic,
        };
        let vision = network
            .for_size(self.size, how)
            .map_err(|source| LoadError::Tensor { file: self.weights.source().to_owned(), source: Box::new(source) })?;
        let patch_size = self.config.vision.patch_size;
        let (weights, text_device) = (self.weights, device.clone());
        let text = self.config.text.zip(self.tokenizer).map(|(config, tokenizer)| {
            let load = move || build(&weights, &text_device, storage, |at| TextTower::new(&config, at));
            (tokenizer, OnDemand::new(load))
        });
        Ok(Encoder { info, preprocessing: self.preprocessing, patch_size, vision, text, device: device.clone() })
    }
}

impl Encoder {
    /// Loads the encoder of a folder onto `device`.
    ///
    /// # Errors
    /// Names what is missing or not supported; a device without room.
    pub fn load(folder: &Path, device: &Device) -> Result<Self, LoadError> {
        EncoderParts::open(folder)?.load(device)
    }
}

fn vision(config: &EncoderConfig, at: &Layers) -> Result<VisionTransformer, LoadError> {
    VisionTransformer::new(config.kind, &config.vision, at)
}

/// Why a folder without a configuration is no encoder.
fn no_encoder(folder: &Path) -> LoadError {
    let advice = if folder.join("model_index.json").is_file() {
        "it is a model of diffusers that makes images, not an encoder of images"
    } else if folder.is_file() {
        "it is a file; an encoder is a folder"
    } else {
        "an encoder is a folder with config.json, preprocessor_config.json and model.safetensors, as transformers' \
         `save_pretrained` writes it"
    };
    LoadError::NotFound { folder: folder.to_owned(), wanted: CONFIG.to_owned(), advice: Some(advice.to_owned()) }
}
