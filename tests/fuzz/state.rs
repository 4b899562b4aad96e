//! What an unfinished training left: damaged in any way it is refused, and refused it changes nothing.

use std::collections::BTreeMap;

use candle_core::{DType, Device};
use runner::adapter::Adapter;
use runner::choice::{AdapterKind, Targets};
use runner::models::Recompute;
use runner::models::UNet2DConditionModel;
use runner::models::config::{UNetConfig, scheduler};
use runner::sampling::noise::TorchRng;
use runner::tensors::Weights;
use runner::training::optimizer::{AdamWConfig, LrCurve, LrSchedule, OptimizerConfig};
use runner::training::{Batch, Preserved, Trainer, TrainingConfig};

use crate::files::{golden, golden_path};
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;

fn batch(width: usize) -> Batch {
    let mut rng = TorchRng::new(1);
    let mut draw = |shape: &[usize]| rng.randn_tensor(shape).expect("numbers");
    Batch {
        latents: draw(&[1, 4, 8, 8]),
        noise: draw(&[1, 4, 8, 8]),
        times: vec![500.0],
        conditioning: draw(&[1, 7, width]).into(),
        photos: 1,
        preserved: Preserved::Images,
        dropout_masks: BTreeMap::new(),
    }
}

#[test]
fn state() {
    let config = UNetConfig::read(&golden_path("models/sd1/unet/config.json")).expect("a config");
    let weights = Weights::open_folder(&golden_path("models/sd1/unet"), "diffusion_pytorch_model").expect("weights");
    let unet = UNet2DConditionModel::load(&config, &weights, &Device::Cpu, DType::F32).expect("a UNet");
    let schedule = String::from_utf8(golden("models/sd1/scheduler/scheduler_config.json")).expect("text");
    let (process, _) = scheduler::process(&schedule).expect("a schedule");
    let adapter =
        Adapter::init(AdapterKind::Lora, &unet.adaptable_layers(Targets::Attention)[..2], 2, 4.0, 0, &Device::Cpu)
            .expect("an adapter");
    let settings = TrainingConfig {
        learning_rate: LrSchedule { curve: LrCurve::Constant, peak: 1e-3, warmup_steps: 0, total_steps: 4 },
        optimizer: OptimizerConfig::AdamW(AdamWConfig::default()),
        max_grad_norm: 1.0,
        prior_weight: 0.0,
        snr_gamma: None,
        recompute: Recompute::Nothing,
        text_encoder_rate: None,
        lora_plus_ratio: 1.0,
        ema_decay: Some(0.5),
    };
    let denoiser = unet.into();
    let mut trainer = Trainer::new(&denoiser, &process, settings, adapter).expect("a training");
    let fresh = trainer.save_state().expect("a state");
    trainer.step(&[batch(config.cross_attention_dim)]).expect("a step");
    let good = trainer.save_state().expect("a state");
    let seeds = vec![vec![good.clone()], vec![fresh]];
    fuzz(Target { name: "state", parts: &[Kind::Tensors], seeds, inputs: 6000, memory: MEMORY }, |input| {
        trainer.load_state(&good).expect("the good state");
        match trainer.load_state(&input[0]) {
            Ok(()) => format!("continued at {}", trainer.steps_done()),
            Err(error) => {
                assert_eq!(trainer.save_state().expect("a state"), good, "a refused state changed the training");
                error.to_string()
            }
        }
    });
}
