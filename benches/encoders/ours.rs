//! Our side of the comparison of image encoders with PyTorch: `benches/encoders/compare.py` starts this program and
//! reads what it prints.
//!
//! `--model FOLDER --pictures FILE --repeat N --output FILE`, where the first FILE is a safetensors file with
//! `pictures` `(B, height, width, 3)`, uint8. It prints one JSON object with the seconds of every repetition, from
//! pictures to features, and writes `features` `(B, dim)`.

#![allow(clippy::print_stdout)]

use std::{collections::HashMap, path::PathBuf, time::Instant};

use candle_core::{Device, Tensor};
use clap::Parser;
use image::RgbImage;
use runner::models::vision::Encoder;

#[derive(Parser)]
struct Arguments {
    /// A folder that transformers' `save_pretrained` wrote.
    #[arg(long)]
    model: PathBuf,
    /// The pictures, made by compare.py.
    #[arg(long)]
    pictures: PathBuf,
    /// Repetitions after one to warm up.
    #[arg(long, default_value_t = 2)]
    repeat: usize,
    /// A safetensors file for the features.
    #[arg(long)]
    output: PathBuf,
    /// Cargo passes it.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let arguments = Arguments::parse();
    runner::kernels::keep_freed_memory();
    let instructions = runner::kernels::instruction_sets()?.pop();
    let encoder = Encoder::load(&arguments.model, &Device::Cpu)?;
    let tensors = candle_core::safetensors::load(&arguments.pictures, &Device::Cpu)?;
    let pictures = tensors.get("pictures").ok_or("no `pictures` in the file")?;
    let (count, height, width, _) = pictures.dims4()?;
    let picture = |i: usize| -> Result<RgbImage, Box<dyn std::error::Error + Send + Sync>> {
        let pixels = pictures.get(i)?.flatten_all()?.to_vec1::<u8>()?;
        RgbImage::from_raw(width as u32, height as u32, pixels).ok_or_else(|| "the pictures have not 3 channels".into())
    };
    let pictures = (0..count).map(picture).collect::<Result<Vec<_>, _>>()?;
    let mut features = encoder.images(&pictures)?;
    let mut seconds = Vec::new();
    for _ in 0..arguments.repeat {
        let start = Instant::now();
        features = encoder.images(&pictures)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    let features = Tensor::new(features, &Device::Cpu)?;
    candle_core::safetensors::save(&HashMap::from([("features", features)]), &arguments.output)?;
    println!("{}", serde_json::json!({"seconds": seconds, "instructions": instructions}));
    Ok(())
}
