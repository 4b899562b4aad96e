//! Our side of the comparison with PyTorch: `benches/compare/compare.py` starts this program and reads what it prints.
//!
//! `--model FOLDER --inputs FILE --what forward|step|script|decode [--candle] --dtype f32|bf16 --device cpu|cuda
//! --repeat N`, where FILE is a safetensors file with `latents` and `target` `(B,4,h,w)`, `context` `(B,77,D)`,
//! `timesteps` `(B)`, for Stable Diffusion XL `pooled` `(B,P)` and `sizes` `(B,6)`, and the adapter as `NAME.down`,
//! `NAME.up`.
//!
//! It prints one JSON object: seconds of every repetition, peak memory, and numbers that must equal PyTorch's.
//! `--output` keeps all that was computed: the prediction, the image, or the gradients under the adapter's names.

#![allow(clippy::print_stdout)]

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    time::Instant,
};

use candle_core::{DType, Device, Result, Tensor, Var};
use clap::Parser;
use runner::adapter::{Adapter, Module};
use runner::choice::AdapterKind;
use runner::kernels::{Dense, Packing, Storage};
use runner::models::AutoencoderKl;
use runner::models::LoraSet;
use runner::models::UNet2DConditionModel;
use runner::models::config::UNetConfig;
use runner::models::{AdaptableLayer, Conditioning, LossAndGradients, Recompute, Role, Tokens};
use runner::models::{Network, Parts};
use runner::training::optimizer::{AdamWConfig, Optimizer, OptimizerConfig, clip_factor, gradient_norm};

/// As in compare.py.
const RATE: f64 = 1e-4;

#[derive(Parser)]
struct Arguments {
    /// A diffusers folder.
    #[arg(long)]
    model: PathBuf,
    /// The inputs, made by compare.py.
    #[arg(long)]
    inputs: PathBuf,
    #[arg(long)]
    what: What,
    /// How the frozen weights are stored.
    #[arg(long, value_parser = ["f32", "bf16"], default_value = "f32")]
    dtype: String,
    /// Where to compute; a build with the feature `cuda` or `metal` knows those, too.
    #[arg(long, value_parser = ["cpu", "cuda", "metal"], default_value = "cpu")]
    device: String,
    /// Repetitions after one to warm up.
    #[arg(long, default_value_t = 5)]
    repeat: usize,
    /// A safetensors file for what was computed.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Keep convolutions at their own size.
    #[arg(long)]
    low_memory: bool,
    /// Decode in tiles above so many pixels; PyTorch does not.
    #[arg(long, default_value_t = usize::MAX)]
    tiles: usize,
    /// Compute blocks again in the backward pass.
    #[arg(long)]
    recompute: bool,
    /// Run candle-transformers' own UNet, forward, f32, instead.
    #[arg(long)]
    candle: bool,
    /// Cargo passes it.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum What {
    /// The UNet without an adapter.
    Forward,
    /// Forward, mean squared error, gradients of the adapter.
    Step,
    /// The same with clipping and AdamW.
    Script,
    /// Latents to pixels.
    Decode,
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let arguments = Arguments::parse();
    runner::kernels::keep_freed_memory();
    let instructions = runner::kernels::instruction_sets()?.pop();
    let mut result = run(&arguments)?;
    result["instructions"] = instructions.into();
    println!("{result}");
    Ok(())
}

fn run(arguments: &Arguments) -> std::result::Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
    if arguments.candle {
        return candle(arguments);
    }
    let (dtype, dense) = match arguments.dtype.as_str() {
        "int8" => (DType::BF16, Dense::Int8),
        "bf16" => (DType::BF16, Dense::AsOthers),
        _ => (DType::F32, Dense::AsOthers),
    };
    let packing = if arguments.low_memory { Packing::Small } else { Packing::Fast };
    let device = &match arguments.device.as_str() {
        "cuda" => runner::kernels::cuda_device(0)?,
        "metal" => Device::new_metal(0)?,
        _ => Device::Cpu,
    };
    let parts = Parts::open(&arguments.model)?;
    let storage = Storage { dtype, packing, dense };
    let inputs = candle_core::safetensors::load(&arguments.inputs, device)?;
    let input = |name: &str| inputs.get(name).ok_or_else(|| format!("no `{name}` in the inputs"));
    let (latents, target) = (input("latents")?, input("target")?);
    let optional = |name: &str| inputs.get(name).cloned();
    let context = &Conditioning {
        pooled: optional("pooled"),
        sizes: optional("sizes"),
        ..Conditioning::from(input("context")?.clone())
    };
    let timesteps: Vec<f32> = input("timesteps")?.to_vec1()?;
    // As in a study: only what this work needs.
    let part = |folder: &str| parts.part(folder).ok_or_else(|| format!("the model has no {folder}"));
    let load_unet = || -> std::result::Result<_, Box<dyn std::error::Error + Send + Sync>> {
        let unet = part("unet")?;
        let Network::UNet(config) = &unet.network else { return Err("not a UNet".into()) };
        Ok(UNet2DConditionModel::load(config, &unet.weights, device, storage)?)
    };
    match arguments.what {
        What::Decode => {
            let vae = part("vae")?;
            let Network::Vae(config) = &vae.network else { return Err("not a VAE".into()) };
            // As in a study, only the denoiser has integers.
            let storage = Storage { dense: Dense::AsOthers, ..storage };
            let vae = AutoencoderKl::load(config, &vae.weights, device, storage)?.with_tiles_of(arguments.tiles);
            repeat(arguments, || one("image", vae.decode(latents)?))
        }
        What::Forward => {
            let (unet, none) = (load_unet()?, LoraSet::empty());
            repeat(arguments, || one("prediction", unet.forward(latents, &timesteps, context, &none)?))
        }
        What::Step | What::Script => {
            let (unet, adapter) = (load_unet()?, adapter(&inputs)?);
            let recompute = if arguments.recompute { Recompute::Blocks } else { Recompute::Nothing };
            let adamw = || Optimizer::new(OptimizerConfig::AdamW(AdamWConfig::default()));
            let mut optimizer = (arguments.what == What::Script).then(adamw);
            let loss = |y: &Tensor| (y.to_dtype(DType::F32)? - target)?.sqr()?.mean_all();
            repeat(arguments, || {
                let lora = adapter.tracked_set();
                let done = unet.loss_and_gradients(latents, &timesteps, context, &lora, recompute, loss)?;
                finish_step(done, &adapter, optimizer.as_mut())
            })
        }
    }
}

/// The gradients' norm; with an optimizer also clipping and its step.
fn finish_step(done: LossAndGradients, adapter: &Adapter, optimizer: Option<&mut Optimizer>) -> Result<Done> {
    let mut gradients = done.gradients;
    let norm = gradient_norm(gradients.values())?;
    if let Some(optimizer) = optimizer {
        let factor = clip_factor(norm, 1.0);
        for gradient in gradients.values_mut() {
            *gradient = gradient.affine(factor, 0.0)?;
        }
        optimizer.step(adapter.variables(), &gradients, |_| RATE)?;
    }
    let loss = f64::from(done.loss.to_scalar::<f32>()?);
    Ok((vec![("loss", loss), ("gradient_norm", norm)], gradients))
}

/// One UNet pass of candle-transformers, whose UNet takes one timestep for all images.
fn candle(arguments: &Arguments) -> std::result::Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
    use candle_transformers::models::stable_diffusion::unet_2d::{
        BlockConfig, UNet2DConditionModel, UNet2DConditionModelConfig,
    };
    let folder = arguments.model.join("unet");
    let config = UNetConfig::read(&folder.join("config.json"))?;
    let blocks = config.blocks.iter().map(|b| BlockConfig {
        out_channels: b.channels,
        use_cross_attn: b.attention.then_some(b.transformer_layers),
        attention_head_dim: b.heads,
    });
    let theirs = UNet2DConditionModelConfig {
        blocks: blocks.collect(),
        layers_per_block: config.blocks[0].layers,
        norm_num_groups: config.groups,
        norm_eps: config.norm_eps,
        cross_attention_dim: config.cross_attention_dim,
        flip_sin_to_cos: config.flip_sin_to_cos,
        freq_shift: config.freq_shift,
        use_linear_projection: config.use_linear_projection,
        ..Default::default()
    };
    let tensors = candle_core::safetensors::load(folder.join("diffusion_pytorch_model.safetensors"), &Device::Cpu)?;
    let tensors = tensors.into_iter().map(|(name, x)| Ok((name, x.to_dtype(DType::F32)?))).collect::<Result<_>>()?;
    let weights = candle_nn::VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
    let unet = UNet2DConditionModel::new(weights, config.in_channels, config.out_channels, false, theirs)?;
    let inputs = candle_core::safetensors::load(&arguments.inputs, &Device::Cpu)?;
    let timesteps = inputs["timesteps"].to_vec1::<f32>()?;
    if timesteps.iter().any(|t| *t != timesteps[0]) {
        return Err("candle's UNet takes one timestep: --batch 1".into());
    }
    repeat(arguments, || {
        one("prediction", unet.forward(&inputs["latents"], f64::from(timesteps[0]), &inputs["context"])?)
    })
}

/// Once to warm up, then as often as asked for.
fn repeat(
    arguments: &Arguments,
    mut once: impl FnMut() -> Result<Done>,
) -> std::result::Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
    let (mut numbers, mut tensors) = once()?;
    let mut seconds = Vec::new();
    for _ in 0..arguments.repeat {
        let start = Instant::now();
        (numbers, tensors) = once()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    if let Some(output) = &arguments.output {
        candle_core::safetensors::save(&tensors.into_iter().collect::<HashMap<_, _>>(), output)?;
    }
    let numbers: BTreeMap<&str, f64> = numbers.into_iter().collect();
    Ok(serde_json::json!({"seconds": seconds, "peak_bytes": peak_bytes(), "numbers": numbers}))
}

/// What was computed, if it is one tensor.
fn one(name: &str, y: Tensor) -> Result<Done> {
    let y = y.to_dtype(DType::F32)?;
    Ok((vec![("mean_square", mean_square(&y)?)], BTreeMap::from([(name.to_owned(), y)])))
}

/// Numbers to compare at once, and everything that was computed.
type Done = (Vec<(&'static str, f64)>, BTreeMap<String, Tensor>);

fn adapter(inputs: &HashMap<String, Tensor>) -> Result<Adapter> {
    let mut modules = BTreeMap::new();
    for (name, down) in inputs.iter().filter_map(|(name, down)| Some((name.strip_suffix(".down")?, down))) {
        let up = &inputs[&format!("{name}.up")];
        let tensors = BTreeMap::from([("down", Var::from_tensor(down)?), ("up", Var::from_tensor(up)?)]);
        modules.insert(name.to_owned(), Module { layer: layer(name, down, up)?, tensors });
    }
    let rank = modules.values().next().map_or(1, |module| module.tensors["down"].dims()[0]);
    Ok(Adapter { kind: AdapterKind::Lora, rank, alpha: rank as f64, modules })
}

fn layer(name: &str, down: &Tensor, up: &Tensor) -> Result<AdaptableLayer> {
    let (in_features, out_features) = (down.dim(1)?, up.dim(0)?);
    let (tokens, role) = (Tokens::Context, Role::Attention);
    Ok(AdaptableLayer { name: name.to_owned(), in_features, out_features, window: None, tokens, role })
}

fn mean_square(x: &Tensor) -> Result<f64> {
    Ok(f64::from(x.to_dtype(DType::F32)?.sqr()?.mean_all()?.to_scalar::<f32>()?))
}

/// The most memory this process ever held; `None` where the system does not tell.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
