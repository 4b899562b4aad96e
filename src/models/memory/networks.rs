//! The networks of a model without numbers, and what each stage holds of them.

use std::path::Path;

use super::super::at_once::at_once_on;
use super::super::families::Family;
use super::super::layers::{Layers, Weight, sketch};
use super::super::network::Network;
use super::super::text_encoder::ClipTextModel;
use super::super::tokenizer::PROMPT_TOKENS;
use super::super::trace::{Adapters, Trace};
use super::super::unet::{Pass, UNet2DConditionModel};
use super::super::vae::AutoencoderKl;
use super::adapter::numbers;
use super::sizes::{DrawSizes, TrainSizes};
use crate::kernels::{Dense, Machine, Storage};
use crate::tensors::LoadError;

/// The networks of a model without numbers, and what their weights need on a machine.
pub struct ModelMemory {
    machine: Machine,
    storage: Storage,
    pub(super) denoiser: (UNet2DConditionModel, Weight),
    pub(super) vae: (AutoencoderKl, Weight),
    /// Pixels of a latent's side.
    scale: usize,
    texts: Vec<(ClipTextModel, Weight)>,
}

/// The networks of a family's usual model.
///
/// # Errors
/// None: the configurations are part of the program.
pub fn networks(family: Family) -> Result<Vec<Network>, LoadError> {
    let data = family.data();
    let parts = data.single_file.parts.iter().zip(data.folder.parts);
    parts.map(|(part, place)| Network::parse(place.class, Path::new(place.folder), part.config)).collect()
}

impl ModelMemory {
    /// The networks of a model. `None` if it has no denoiser or no autoencoder.
    ///
    /// # Errors
    /// A network that cannot be built from its configuration.
    pub fn new(networks: &[Network], machine: Machine, storage: Storage) -> Result<Option<Self>, LoadError> {
        let others = Storage { dense: Dense::AsOthers, ..storage };
        let (mut denoiser, mut vae, mut texts) = (None, None, Vec::new());
        for network in networks {
            match network {
                Network::UNet(config) => {
                    denoiser = Some(sketch(machine, storage, |at: &Layers| UNet2DConditionModel::new(config, at))?);
                }
                Network::Vae(config) => {
                    let own = sketch(machine, others, |at: &Layers| AutoencoderKl::new(config, at))?;
                    vae = Some((own, config.scale()));
                }
                Network::ClipText(config) => {
                    texts.push(sketch(machine, others, |at: &Layers| ClipTextModel::new(config, at))?);
                }
            }
        }
        let (Some(denoiser), Some((vae, scale))) = (denoiser, vae) else { return Ok(None) };
        Ok(Some(Self { machine, storage, denoiser, vae, scale, texts }))
    }

    /// Bytes of the denoiser's weights.
    #[must_use]
    pub fn denoiser_weights(&self) -> u64 {
        self.denoiser.1.bytes
    }

    /// Bytes of all weights.
    #[must_use]
    pub fn weights(&self) -> u64 {
        self.denoiser.1.bytes + self.vae.1.bytes + self.text_weights()
    }

    fn text_weights(&self) -> u64 {
        self.texts.iter().map(|(_, weight)| weight.bytes).sum()
    }

    /// Loading a network onto what is loaded already: a tensor as it is in a file of f32, as numbers, and in the type
    /// that it is stored in.
    fn loading(&self, weight: Weight) -> u64 {
        let own = self.storage.dtype.size_in_bytes() as u64;
        weight.bytes + weight.largest * (8 + if own == 4 { 0 } else { own })
    }

    /// Encoding pictures one by one, with the denoiser loaded. `held`: bytes of the pictures themselves.
    #[must_use]
    pub fn encode(&self, pixels: (usize, usize), held: u64) -> u64 {
        let t = self.trace(None);
        self.vae.0.trace_encode(&t, pixels);
        let loaded = self.denoiser.1.bytes;
        (loaded + self.loading(self.vae.1)).max(loaded + self.vae.1.bytes + t.meter().most()) + held
    }

    /// Drawing images, with all networks loaded.
    ///
    /// # Errors
    /// A network that cannot be walked through.
    pub fn draw(&self, sizes: DrawSizes) -> candle_core::Result<u64> {
        let sides = self.sides(sizes.pixels);
        let images = at_once_on(self.machine.is_cpu(), sides.0 * sides.1, sizes.wanted).min(sizes.images.max(1));
        let batch = if sizes.guided { 2 * images } else { images };
        let adapter = sizes.adapter.map(|training| training.adapter);
        let t = self.trace(adapter);
        let adapter = t.meter().hold(4 * self.adapter_numbers(adapter));
        let pictures = t.meter().hold((3 * images * sizes.pixels.0 * sizes.pixels.1) as u64);
        self.denoiser.0.trace(&t, Pass { batch, sides, tokens: PROMPT_TOKENS })?;
        drop(adapter);
        let decoding = self.trace(None);
        self.vae.0.trace_decode(&decoding, sizes.pixels);
        drop(pictures);
        let most = t.meter().most().max(decoding.meter().most());
        Ok(self.weights() + self.left_by(sizes.adapter)? + most.max(self.reading()))
    }

    /// Training an adapter. The autoencoder is freed before; then prompts are encoded, and the
    /// text encoders are freed.
    ///
    /// # Errors
    /// A network that cannot be walked through.
    pub fn train(&self, sizes: TrainSizes) -> candle_core::Result<u64> {
        let prompts = self.denoiser.1.bytes + self.text_weights() + self.reading();
        Ok(self.step(sizes)?.0.max(prompts))
    }

    /// The steps of a training, with the denoiser alone, and what stays in memory afterwards besides the weights:
    /// turned copies, and the scratch of threads.
    pub(super) fn step(&self, sizes: TrainSizes) -> candle_core::Result<(u64, u64)> {
        let sides = self.sides(sizes.pixels);
        let t = self.trace(Some(sizes.adapter));
        let numbers =
            self.adapter_numbers(Some(sizes.adapter)) + if sizes.text { self.text_adapter(sizes.adapter) } else { 0 };
        let sums = if sizes.passes > 1 { 2 } else { 0 };
        // Mean and standard deviation of four channels each, f32.
        let items = (sizes.items * 2 * 4 * 4 * sides.0 * sides.1) as u64;
        let own = numbers * (4 * (1 + sums) + sizes.remembered) + items;
        t.meter().keep(own);
        let pass = Pass { batch: sizes.batch, sides, tokens: PROMPT_TOKENS };
        // The probe loss is measured before and between the steps.
        let probed = at_once_on(self.machine.is_cpu(), sides.0 * sides.1, sizes.batch).min(sizes.probed.max(1));
        self.denoiser.0.trace(&t, Pass { batch: probed, ..pass })?;
        // What the first gradients leave, turned copies above all, lies beside all that later passes record.
        for _ in 0..(sizes.steps * sizes.passes).min(2) {
            self.pass(&t, pass, sizes)?;
        }
        let text = if sizes.text { self.text_weights() } else { 0 };
        Ok((self.denoiser.1.bytes + text + t.meter().most(), t.meter().now() - own))
    }

    /// A forward pass and its gradients.
    fn pass(&self, t: &Trace, pass: Pass, sizes: TrainSizes) -> candle_core::Result<()> {
        // The text encoders are recorded before the denoiser, and gone back through after it.
        let texts = if sizes.text { self.texts.as_slice() } else { &[] };
        let recorded: Vec<_> = texts.iter().map(|(text, _)| t.record(|| text.trace(t, sizes.batch))).collect();
        let gradients = self.denoiser.0.trace_gradients(t, pass, sizes.recompute)?;
        for (output, tape) in recorded {
            let gradient = t.meter().hold(t.bytes(output.numbers()));
            drop(t.backward(tape, &output, gradient));
        }
        drop(gradients);
        Ok(())
    }

    /// Predictions without gradients, with all networks loaded; the samples stand for images.
    ///
    /// # Errors
    /// A network that cannot be walked through.
    pub fn probe(&self, sizes: DrawSizes) -> candle_core::Result<u64> {
        let sides = self.sides(sizes.pixels);
        let adapter = sizes.adapter.map(|training| training.adapter);
        let t = self.trace(adapter);
        t.meter().keep(4 * self.adapter_numbers(adapter));
        let batch = at_once_on(self.machine.is_cpu(), sides.0 * sides.1, sizes.wanted).min(sizes.images.max(1));
        self.denoiser.0.trace(&t, Pass { batch, sides, tokens: PROMPT_TOKENS })?;
        Ok(self.weights() + self.left_by(sizes.adapter)? + t.meter().most().max(self.reading()))
    }

    /// What the training before left in memory.
    fn left_by(&self, training: Option<TrainSizes>) -> candle_core::Result<u64> {
        training.map_or(Ok(0), |sizes| Ok(self.step(sizes)?.1))
    }

    /// Encoding a prompt, and loading the text encoders.
    fn reading(&self) -> u64 {
        let one = |(network, weight): &(ClipTextModel, Weight)| {
            let t = self.trace(None);
            network.trace(&t, 1);
            t.meter().most().max(self.loading(*weight) - weight.bytes)
        };
        self.texts.iter().map(one).max().unwrap_or(0)
    }

    /// Numbers of an adapter of the denoiser.
    fn adapter_numbers(&self, adapter: Option<Adapters>) -> u64 {
        adapter.map_or(0, |adapter| numbers(adapter, self.denoiser.0.adaptable_layers(adapter.targets)))
    }

    /// Numbers of an adapter of the text encoders.
    fn text_adapter(&self, adapter: Adapters) -> u64 {
        let layers = self.texts.iter().flat_map(|(text, _)| text.adaptable_layers(adapter.targets));
        numbers(adapter, layers)
    }

    pub(super) fn trace(&self, adapter: Option<Adapters>) -> Trace {
        Trace::new(self.machine, self.storage, adapter)
    }

    fn sides(&self, (height, width): (usize, usize)) -> (usize, usize) {
        (height / self.scale, width / self.scale)
    }
}
