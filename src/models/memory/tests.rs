//! Predictions beside what was measured.
#![allow(clippy::print_stdout)] // measured and predicted numbers are worth reading

use super::super::families::Family;
use super::super::gradients::Recompute;
use super::super::unet::Pass;
use super::{Adapters, DrawSizes, ModelMemory, TrainSizes, networks};
use crate::choice::{AdapterKind, DeviceClass, Dtype, Targets};
use crate::kernels::{Machine, multiplies_bf16};
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
        steps: 2,
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
    assert!(bytes(TrainSizes { steps: 1, ..base }) < bytes(base));
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
