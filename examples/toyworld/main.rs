//! Renders the toy world the shipped base model is trained on: pictures, captions, labels.
//!
//! ```text
//! cargo run --release --example toyworld -- --count 64 --seed 1 --out /tmp/world
//! cargo run --release --example toyworld -- --count 30 --seed 7 --subject --places snow,city,table,night,garden,plain
//! cargo run --release --example toyworld -- --count 28000 --raw      # one .npy instead of PNGs, for training
//! ```
//!
//! Pictures depend on seed and number only, on every machine and with any number of threads.

#![allow(unreachable_pub)] // a program of several files

mod builder;
mod caption;
mod color;
mod environment;
mod figurine;
mod identity;
mod object;
mod outfit;
mod paint;
mod place;
mod primitive;
mod random;
mod render;
mod sample;
mod shadow;
mod vec3;

use std::{
    fs,
    io::{BufWriter, Write},
    path::PathBuf,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use rayon::prelude::*;

use crate::{
    identity::Identity,
    place::Place,
    random::Random,
    sample::{Sample, Wish},
};

/// Render pictures of the toy world with captions and labels.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many pictures.
    #[arg(long, default_value_t = 64)]
    count: u64,
    /// Seed of the whole set.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of the first picture.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Side in pixels.
    #[arg(long, default_value_t = 128)]
    side: usize,
    /// Folder for the pictures and `samples.jsonl`.
    #[arg(long, default_value = "target/toyworld")]
    out: PathBuf,
    /// Only the subject of the demo study.
    #[arg(long, conflicts_with = "person")]
    subject: bool,
    /// Only the figurine drawn from this number, for tuning on somebody other than the subject.
    #[arg(long)]
    person: Option<u64>,
    /// The word before the noun in captions.
    #[arg(long)]
    identifier: Option<String>,
    /// Places to choose from.
    #[arg(long, value_delimiter = ',')]
    places: Vec<String>,
    /// Share of figurines; the rest are objects.
    #[arg(long, default_value_t = 0.62)]
    figurines: f32,
    /// Share of figurines with something on their head.
    #[arg(long, default_value_t = 0.35)]
    headwear: f32,
    /// Share of figurines with something in their hand.
    #[arg(long, default_value_t = 0.38)]
    held: f32,
    /// One `images.npy` (count, side, side, 3) u8 instead of PNG files.
    #[arg(long)]
    raw: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let wish = wish(&arguments)?;
    fs::create_dir_all(&arguments.out).with_context(|| format!("cannot make {}", arguments.out.display()))?;
    let start = Instant::now();
    let mut lines = BufWriter::new(fs::File::create(arguments.out.join("samples.jsonl"))?);
    let mut raw = arguments.raw.then(|| npy(&arguments)).transpose()?;
    let numbers: Vec<u64> = (arguments.first..arguments.first + arguments.count).collect();
    for chunk in numbers.chunks(256) {
        let pictures: Vec<(Sample, Vec<u8>)> = chunk
            .par_iter()
            .map(|number| {
                let sample = sample::sample(&wish, arguments.seed, *number);
                let pixels = render::render(&sample.scene, arguments.side, arguments.side);
                (sample, pixels)
            })
            .collect();
        for (number, (sample, pixels)) in chunk.iter().zip(pictures) {
            if let Some(file) = &mut raw {
                file.write_all(&pixels)?;
            } else {
                let side = u32::try_from(arguments.side)?;
                let path = arguments.out.join(format!("{number:06}.png"));
                image::save_buffer(&path, &pixels, side, side, image::ExtendedColorType::Rgb8)?;
            }
            let line = serde_json::json!({"number": number, "caption": sample.caption, "labels": sample.labels});
            writeln!(lines, "{line}")?;
        }
    }
    lines.flush()?;
    if let Some(mut file) = raw {
        file.flush()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let each = seconds * 1e3 / arguments.count.max(1) as f64;
    writeln!(std::io::stdout(), "{} pictures in {seconds:.1} s, {each:.2} ms each", arguments.count)?;
    Ok(())
}

fn wish(arguments: &Arguments) -> Result<Wish> {
    let mut places = Vec::new();
    for name in &arguments.places {
        match Place::ALL.into_iter().find(|place| place.name() == name) {
            Some(place) => places.push(place),
            None => bail!("no place `{name}`; there are {}", Place::ALL.map(Place::name).join(", ")),
        }
    }
    if places.is_empty() {
        places = Place::ALL.to_vec();
    }
    let person = arguments.person.map(|number| Identity::random(&mut Random::new(number, u64::MAX)));
    Ok(Wish {
        identity: if arguments.subject { Some(Identity::subject()) } else { person },
        places,
        figurine_rate: arguments.figurines,
        headwear_rate: arguments.headwear,
        held_rate: arguments.held,
        identifier: arguments.identifier.clone(),
    })
}

/// Starts a NumPy file, format 1.0; the pixels follow.
fn npy(arguments: &Arguments) -> Result<BufWriter<fs::File>> {
    let shape = format!("({}, {}, {}, 3)", arguments.count, arguments.side, arguments.side);
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = BufWriter::new(fs::File::create(arguments.out.join("images.npy"))?);
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&u16::try_from(header.len())?.to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    Ok(file)
}
