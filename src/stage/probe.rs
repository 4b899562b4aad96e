//! The probe values: the denoising loss of each photo at each timestep, of the base model or of a cell's adapter.
//!
//! A cell has two jobs of this stage. That of the base model is shared by all cells with the same photos and settings.
//! Both ask the same questions: photos, noise and timesteps are equal, so that their values can be compared one by one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::about::About;
use super::cell::{CellFacts, Cropping, Keys, ModelInputs, captions, hashes, read_anew};
use super::key::{Key, KeyInputs};
use super::name::Stage;
use crate::experiment::settings::Subject;

/// What the stage says about itself.
pub(super) const ABOUT: About = About {
    version: 1,
    noun: "the probe values",
    made_again: "new probe values",
    needs: &[Stage::Prepare, Stage::Train],
    work: |inputs| Some(written(inputs)? * inputs.number("dataset.resolution")?.powi(2)),
    written,
};

/// What the result depends on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Probe {
    /// Kind of device.
    pub device: String,
    /// The base model.
    pub model: ModelInputs,
    /// How photos are cut.
    pub dataset: Cropping,
    /// Content hashes of the training photos that are asked about, in order: the same number in every cell of a study.
    pub photos: Vec<String>,
    /// Content hashes of the photos that are held out, in order.
    pub held_out: Vec<String>,
    /// Photos that earlier versions read wrongly.
    pub photos_read_anew: Option<BTreeSet<String>>,
    /// Captions by content hash, if they are wanted.
    pub captions: Option<BTreeMap<String, String>>,
    /// What photos without a caption show (`train.instance_prompt`).
    pub prompt: String,
    /// Last layers of the text encoder that are left out, as in the training (`train.clip_skip`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_skip: Option<usize>,
    /// The words under which the photos are asked about. The name is empty where it is not asked for: only the base
    /// model is asked whether it knows the name.
    pub subject: Subject,
    /// `[evaluate]`
    pub evaluate: ProbeNoise,
    /// The training of the adapter; `None` for the base model.
    pub train: Option<Key>,
    /// How the adapter is used; `None` for the base model.
    pub generate: Option<UsedAdapter>,
    /// What does not change the result.
    #[serde(skip)]
    pub hints: ProbeHints,
}

/// `[evaluate]`, as far as the probe values are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProbeNoise {
    /// Timesteps for each photo.
    pub probe_timesteps: usize,
    /// Seeds the noise.
    pub probe_seed: u64,
}

/// `[generate]`, as far as the adapter itself is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct UsedAdapter {
    /// Multiplies the adapter, 1 = as trained.
    pub lora_scale: f64,
    /// The optimizer step after which the adapter was kept; `None` is the last step.
    pub checkpoint: Option<usize>,
}

/// What does not change the probe values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeHints {
    /// Photos in a forward pass.
    pub batch_size: usize,
}

impl Probe {
    /// The adapter's job, then that of the base model.
    pub(super) fn all(cell: &CellFacts<'_>, keys: &Keys) -> Vec<Self> {
        let (settings, probe) = (cell.settings, &cell.settings.evaluate.probe);
        let photos = || cell.probed.iter().chain(&cell.held_out).copied();
        let base = Self {
            device: cell.device_class.to_owned(),
            model: cell.model(),
            dataset: cell.cropping(),
            photos: hashes(&cell.probed),
            held_out: hashes(&cell.held_out),
            photos_read_anew: read_anew(photos()),
            captions: settings.dataset.captions.then(|| captions(photos(), true, &settings.subject)),
            prompt: settings.train.recipe.instance_prompt.clone(),
            clip_skip: settings.train.recipe.clip_skip,
            subject: settings.subject.clone(),
            evaluate: ProbeNoise { probe_timesteps: probe.probe_timesteps, probe_seed: probe.probe_seed },
            train: None,
            generate: None,
            hints: ProbeHints { batch_size: settings.train.recipe.batch_size },
        };
        let used = UsedAdapter { lora_scale: settings.generate.lora_scale, checkpoint: settings.generate.checkpoint };
        let subject = Subject { name: String::new(), ..settings.subject.clone() };
        let adapter = keys.one(Stage::Train).map(|train| Self {
            subject,
            train: Some(train.clone()),
            generate: Some(used),
            ..base.clone()
        });
        adapter.into_iter().chain([base]).collect()
    }
}

/// Grows with the values: photos, words and timesteps.
fn written(inputs: &KeyInputs) -> Option<f64> {
    let photos = inputs.length("photos") + inputs.length("held_out");
    let words = if inputs.text("subject.name") == Some("") { 2.0 } else { 3.0 };
    Some(photos * words * inputs.number("evaluate.probe_timesteps")?)
}
