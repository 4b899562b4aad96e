//! Renders the toy world the shipped base model is trained on: pictures, captions, labels.
//!
//! ```text
//! cargo run --release --example toyworld -- --count 64 --seed 1 --out /tmp/world
//! cargo run --release --example toyworld -- --count 28000 --raw      # one .npy instead of PNGs, for training
//! cargo run --release --example toyworld -- --photos experiments/data/shinchan   # the demo study's photos
//! ```
//!
//! Pictures depend on seed and number only, with any number of threads (`RAYON_NUM_THREADS`); another machine's
//! mathematics library may round a few pixels differently.

#![allow(unreachable_pub)] // a program of several files

mod builder;
mod caption;
mod color;
mod dataset;
mod environment;
mod figurine;
mod identity;
mod motif;
mod object;
mod outfit;
mod paint;
mod photos;
mod place;
mod primitive;
mod random;
mod render;
mod sample;
mod shadow;
mod vec3;

use std::{io::Write, path::PathBuf, time::Instant};

use anyhow::{Result, bail};
use clap::Parser;

use crate::{dataset::Set, identity::Identity, place::Place, random::Random, sample::Wish};

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
    /// Only write the 30 sample photos of the demo study into this folder.
    #[arg(long)]
    photos: Option<PathBuf>,
    /// Only the subject of the demo study.
    #[arg(long, conflicts_with_all = ["person", "per_person"])]
    subject: bool,
    /// Only the figurine drawn from this number, for tuning on somebody other than the subject.
    #[arg(long, conflicts_with = "per_person")]
    person: Option<u64>,
    /// Only figurines, so many pictures in a row of each.
    #[arg(long)]
    per_person: Option<u64>,
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
    if let Some(folder) = &arguments.photos {
        return photos::write(folder, arguments.seed);
    }
    let wish = wish(&arguments)?;
    let start = Instant::now();
    let Arguments { count, seed, first, side, raw, .. } = arguments;
    Set { wish: &wish, seed, first, count, side, raw }.write(&arguments.out)?;
    let seconds = start.elapsed().as_secs_f64();
    let each = seconds * 1e3 / count.max(1) as f64;
    writeln!(std::io::stdout(), "{count} pictures in {seconds:.1} s, {each:.2} ms each")?;
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
        per_person: arguments.per_person,
        places,
        figurine_rate: arguments.figurines,
        headwear_rate: arguments.headwear,
        held_rate: arguments.held,
        identifier: arguments.identifier.clone(),
    })
}
