//! `[model]`: the base model and where it runs.

use serde::{Deserialize, Serialize};

use super::base::{self, Base, Named};
use super::model_sources::ModelSources;
use super::problem::Problem;
use super::reader::Reader;
use super::similar::did_you_mean;
use super::value::printable;
use crate::choice::{Device, Dtype};

/// `[model]`: the base model and where it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// A diffusers folder, a single-file checkpoint or a Hub id.
    pub base: Base,
    /// A VAE instead of the model's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vae: Option<Base>,
    /// A model whose text encoders and tokenizers are taken instead of the model's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_encoders: Option<Base>,
    /// Storage type of the frozen base weights; adapter and optimizer stay f32.
    pub dtype: Dtype,
    /// `auto`, `cpu`, `cuda`, `cuda:1`, `metal`.
    pub device: Device,
    /// On the CPU, convolutions take less memory and more time.
    pub low_memory: bool,
}

impl Model {
    /// Where the model's files come from.
    #[must_use]
    pub fn sources(&self) -> ModelSources {
        let Self { base, vae, text_encoders, .. } = self;
        ModelSources { base: base.clone(), vae: vae.clone(), text_encoders: text_encoders.clone() }
    }
}

const BASE: Named = Named {
    key: "model.base",
    expected: "a diffusers folder, a .safetensors file or a Hub id such as owner/name or owner/name@revision",
    folder_has: &["model_index.json"],
    folder_help: "give the folder of the whole pipeline, with unet, vae, text_encoder, tokenizer and scheduler",
    file: true,
};

const VAE: Named = Named {
    key: "model.vae",
    expected: "a VAE's folder, a .safetensors file or a Hub id such as stabilityai/sd-vae-ft-mse",
    folder_has: &["config.json", "vae/config.json"],
    folder_help: "give the folder of a VAE as diffusers writes it, or that of a model",
    file: true,
};

const TEXT_ENCODERS: Named = Named {
    key: "model.text_encoders",
    expected: "a diffusers folder with text_encoder and tokenizer, or a Hub id of such a model",
    folder_has: &["text_encoder/config.json"],
    folder_help: "give the folder of a whole model",
    file: false,
};

/// Reads and checks the section.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Model> {
    let base = base::read(reader, &BASE);
    let vae = read_part(reader, &VAE);
    let text_encoders = read_part(reader, &TEXT_ENCODERS);
    let dtype = reader.choice("model.dtype");
    let device = read_device(reader);
    let low_memory = reader.flag("model.low_memory");
    Some(Model {
        base: base?,
        vae: vae?,
        text_encoders: text_encoders?,
        dtype: dtype?,
        device: device?,
        low_memory: low_memory?,
    })
}

/// A setting that need not be there.
fn read_part(reader: &mut Reader<'_>, named: &Named) -> Option<Option<Base>> {
    if reader.entry(named.key).is_none() { Some(None) } else { base::read(reader, named).map(Some) }
}

fn read_device(reader: &mut Reader<'_>) -> Option<Device> {
    let text = reader.text("model.device", "\"auto\"")?;
    let device = Device::parse(&text);
    if device.is_none() {
        let message = format!("`model.device` cannot be \"{}\"", printable(&text));
        let suggestion = did_you_mean(&text, Device::WORDS);
        let problem = Problem::error(reader.place("model.device"), message).expected(Device::EXPECTED);
        reader.push(problem.suggestion(suggestion));
    }
    device
}
