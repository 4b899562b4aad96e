//! What the work of a study holds in memory at most, from configurations and sizes alone.
//!
//! The networks are built hollow, from their configurations, and walked through as they are when they compute
//! (`trace`). Counted are the bytes that the program asks for; the program itself, and what an
//! allocator needs besides, are up to the caller.

use std::path::Path;

use super::adaptable::AdaptableLayer;
use super::at_once::at_once_on;
use super::families::Family;
use super::gradients::Recompute;
use super::layers::{Layers, Weight, sketch};
use super::network::Network;
use super::text_encoder::ClipTextModel;
use super::tokenizer::PROMPT_TOKENS;
use super::trace::Trace;
use super::unet::{Pass, UNet2DConditionModel};
use super::vae::AutoencoderKl;
use crate::choice::AdapterKind;
use crate::kernels::{Dense, Machine, Storage};
use crate::tensors::LoadError;

pub use super::trace::Adapters;

/// The networks of a model without numbers, and what their weights need on a machine.
pub struct ModelMemory {
    machine: Machine,
    storage: Storage,
    denoiser: (UNet2DConditionModel, Weight),
    vae: (AutoencoderKl, Weight),
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

/// The sizes of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainSizes {
    /// Pixels of a photo's sides, height first.
    pub pixels: (usize, usize),
    /// Samples of a forward pass: photos and class images.
    pub batch: usize,
    /// Forward passes of an optimizer step.
    pub passes: usize,
    /// The adapter.
    pub adapter: Adapters,
    /// Bytes that the optimizer, and a running mean of the weights, remember of each of its numbers.
    pub remembered: u64,
    /// Whether the text encoders are trained, too.
    pub text: bool,
    /// Whether blocks are computed again.
    pub recompute: Recompute,
    /// Photos and class images, whose latents are all in memory.
    pub items: usize,
    /// Samples on which the probe loss is measured.
    pub probed: usize,
}

/// The sizes of drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawSizes {
    /// Pixels of an image's sides, height first.
    pub pixels: (usize, usize),
    /// Images at once, as the user wants them.
    pub wanted: usize,
    /// Images of one prompt: more do not go together.
    pub images: usize,
    /// Whether there is guidance, which takes two samples for an image.
    pub guided: bool,
    /// The training whose adapter is used, if there is one.
    pub adapter: Option<TrainSizes>,
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
    fn step(&self, sizes: TrainSizes) -> candle_core::Result<(u64, u64)> {
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
        // The text encoders are recorded before the denoiser, and gone back through after it.
        let texts = if sizes.text { self.texts.as_slice() } else { &[] };
        let recorded: Vec<_> = texts.iter().map(|(text, _)| t.record(|| text.trace(&t, sizes.batch))).collect();
        let gradients = self.denoiser.0.trace_gradients(&t, pass, sizes.recompute)?;
        for (output, tape) in recorded {
            let gradient = t.meter().hold(t.bytes(output.numbers()));
            drop(t.backward(tape, &output, gradient));
        }
        drop(gradients);
        let text = if sizes.text { self.text_weights() } else { 0 };
        Ok((self.denoiser.1.bytes + text + t.meter().most(), t.meter().now() - own))
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

    /// Numbers of the tensors of an adapter in the text encoders.
    fn text_adapter(&self, adapter: Adapters) -> u64 {
        let layers = self.texts.iter().flat_map(|(text, _)| text.adaptable_layers(adapter.targets));
        let pair = |layer: AdaptableLayer| adapter.rank * (layer.in_features + layer.out_features);
        layers.map(pair).sum::<usize>() as u64
    }

    /// Numbers of an adapter's tensors.
    fn adapter_numbers(&self, adapter: Option<Adapters>) -> u64 {
        let Some(Adapters { kind, targets, rank, .. }) = adapter else { return 0 };
        let layers = self.denoiser.0.adaptable_layers(targets);
        let window = |layer: &AdaptableLayer| layer.window.map_or(1, |(height, width)| height * width);
        let pair = |layer: &AdaptableLayer| rank * (layer.in_features * window(layer) + layer.out_features);
        let pairs = layers.iter().map(pair).sum::<usize>() as u64;
        match kind {
            // The lengths of DoRA, and what LoKr saves, are not worth a word.
            AdapterKind::Lora | AdapterKind::Dora | AdapterKind::Lokr => pairs,
            // Two pairs, whose products are multiplied.
            AdapterKind::Loha => 2 * pairs,
        }
    }

    fn trace(&self, adapter: Option<Adapters>) -> Trace {
        Trace::new(self.machine, self.storage, adapter)
    }

    fn sides(&self, (height, width): (usize, usize)) -> (usize, usize) {
        (height / self.scale, width / self.scale)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::print_stdout)] // measured and predicted numbers are worth reading

    use super::*;
    use crate::choice::{DeviceClass, Dtype, Targets};
    use crate::kernels::multiplies_bf16;
    use crate::models::storage::storage;

    const CPU: Machine = Machine { device: DeviceClass::Cpu, threads: 2 };

    fn model(family: Family, machine: Machine, dtype: Dtype, low_memory: bool) -> ModelMemory {
        ModelMemory::new(&networks(family).unwrap(), machine, storage(dtype, low_memory)).unwrap().unwrap()
    }

    fn step(pixels: usize, recompute: Recompute) -> TrainSizes {
        let targets = Targets::Attention;
        let adapter = Adapters { kind: AdapterKind::Lora, targets, rank: 4, dropout: false };
        TrainSizes {
            pixels: (pixels, pixels),
            batch: 1,
            passes: 1,
            adapter,
            remembered: 8,
            text: false,
            recompute,
            items: 1,
            probed: 1,
        }
    }

    /// What was measured at the size of Stable Diffusion 1.5 with 2 threads (docs/performance.md), in GB.
    #[test]
    fn predictions_are_near_what_was_measured_at_the_size_of_sd15() {
        if !multiplies_bf16() {
            return;
        }
        let (plain, again) = (Recompute::Nothing, Recompute::Blocks);
        for (dtype, low_memory, recompute, measured) in [
            (Dtype::F32, false, plain, 6.75),
            (Dtype::Bf16, false, plain, 3.82),
            (Dtype::F32, false, again, 5.93),
            (Dtype::Bf16, false, again, 2.98),
            (Dtype::F32, true, plain, 4.70),
            (Dtype::Bf16, true, plain, 2.93),
            (Dtype::F32, true, again, 3.87),
            (Dtype::Bf16, true, again, 2.09),
        ] {
            let model = model(Family::Sd1, CPU, dtype, low_memory);
            let predicted = CPU.process(model.step(step(512, recompute)).unwrap().0) as f64 / 1e9;
            println!("{dtype}, low memory {low_memory}, {recompute:?}: {predicted:.2} for {measured} GB");
            assert!((predicted / measured - 1.0).abs() < 0.15, "{predicted} for {measured}");
        }
    }

    /// What was measured on an H200: a step, and a study with class images.
    #[test]
    fn predictions_are_near_what_was_measured_on_a_gpu() {
        let gpu = Machine { device: DeviceClass::Cuda, threads: 16 };
        for (dtype, batch, measured) in
            [(Dtype::F32, 1, 8.637), (Dtype::Bf16, 1, 4.944), (Dtype::F32, 2, 9.66), (Dtype::Bf16, 2, 5.58)]
        {
            let sizes = TrainSizes { batch, ..step(512, Recompute::Nothing) };
            let predicted = gpu.process(model(Family::Sd1, gpu, dtype, false).step(sizes).unwrap().0) as f64 / 1e9;
            println!("{dtype}, batch of {batch} on a GPU: {predicted:.2} for {measured} GB");
            assert!((predicted / measured - 1.0).abs() < 0.15, "{predicted} for {measured}");
        }
    }

    #[test]
    fn more_work_needs_more_memory() {
        let model = model(Family::Sd1, CPU, Dtype::Bf16, false);
        let base = step(256, Recompute::Nothing);
        let bytes = |sizes: TrainSizes| model.step(sizes).unwrap().0;
        let of = |adapter: Adapters| bytes(TrainSizes { adapter, ..base });
        let more = [
            bytes(TrainSizes { batch: 2, ..base }),
            bytes(TrainSizes { pixels: (256, 320), ..base }),
            bytes(TrainSizes { passes: 2, ..base }),
            bytes(TrainSizes { text: true, ..base }),
            of(Adapters { rank: 64, ..base.adapter }),
            of(Adapters { targets: Targets::All, ..base.adapter }),
            of(Adapters { dropout: true, ..base.adapter }),
            of(Adapters { kind: AdapterKind::Loha, ..base.adapter }),
        ];
        assert!(more.iter().all(|more| *more > bytes(base)), "{more:?} {}", bytes(base));
        assert!(bytes(TrainSizes { recompute: Recompute::Blocks, ..base }) < bytes(base));
        let draw = |pixels, adapter| {
            model.draw(DrawSizes { pixels: (pixels, pixels), wanted: 1, images: 1, guided: true, adapter }).unwrap()
        };
        assert!(draw(768, None) > draw(512, None));
        // Images of more than 768 pixels are decoded in tiles.
        assert!(draw(1024, None) < draw(512, None) + 3 * (draw(768, None) - draw(512, None)));
    }

    #[test]
    fn a_pass_has_the_shapes_of_the_network() {
        let model = model(Family::Sdxl, CPU, Dtype::F32, false);
        let t = model.trace(None);
        let prediction = model.denoiser.0.trace(&t, Pass { batch: 3, sides: (24, 20), tokens: 77 }).unwrap();
        assert_eq!(prediction.dims(), [3, 24, 20, 4]);
        assert_eq!(model.vae.0.trace_decode(&t, (192, 160)).dims(), [1, 192, 160, 3]);
        assert_eq!(model.vae.0.trace_encode(&t, (192, 160)).dims(), [1, 24, 20, 8]);
    }

    /// Prints what docs/performance.md says of Stable Diffusion XL, and holds it to what the program promises.
    #[test]
    fn sdxl_fits() {
        for device in [DeviceClass::Cpu, DeviceClass::Cuda] {
            let machine = Machine { device, threads: 2 };
            let gigabytes = |bytes: u64| machine.process(bytes) as f64 / 1e9;
            for family in [Family::Sd1, Family::Sdxl] {
                for dtype in [Dtype::F32, Dtype::Bf16, Dtype::Int8] {
                    let model = model(family, machine, dtype, false);
                    let side = if family == Family::Sdxl { 1024 } else { 512 };
                    let draw = DrawSizes { pixels: (side, side), wanted: 1, images: 1, guided: true, adapter: None };
                    let [plain, again] = [Recompute::Nothing, Recompute::Blocks]
                        .map(|recompute| gigabytes(model.step(step(side, recompute)).unwrap().0));
                    let trained = gigabytes(model.train(step(side, Recompute::Blocks)).unwrap());
                    let drawn = gigabytes(model.draw(draw).unwrap());
                    let encoded = gigabytes(model.encode((side, side), 0));
                    println!(
                        "{family:?} {dtype} on {device}: weights {:.2}, step {plain:.2}, recomputed {again:.2}, \
                         training recomputed {trained:.2}, drawing {drawn:.2}, encoding {encoded:.2} GB",
                        model.weights() as f64 / 1e9
                    );
                    let room = match (family, dtype, device) {
                        (Family::Sdxl, Dtype::Bf16, DeviceClass::Cpu) => 16.0,
                        (Family::Sdxl, Dtype::Int8, DeviceClass::Cuda) => 8.0,
                        _ => f64::INFINITY,
                    };
                    assert!(trained.max(drawn).max(encoded) < room);
                }
            }
        }
    }
}
