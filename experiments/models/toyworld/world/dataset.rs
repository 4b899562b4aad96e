//! Writes many pictures, as PNG files or as one NumPy array, and one line of JSON for each.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use anyhow::{Context, Result};
use rayon::prelude::*;

use crate::{
    render,
    sample::{self, Sample, Wish},
};

/// Pictures rendered between two writes: what is in memory at once.
const CHUNK: usize = 256;

/// The pictures to write, and their form.
pub struct Set<'a> {
    pub wish: &'a Wish,
    pub seed: u64,
    pub first: u64,
    pub count: u64,
    pub side: usize,
    /// `images.npy` (count, side, side, 3) u8 instead of PNG files.
    pub raw: bool,
}

impl Set<'_> {
    /// Writes the pictures and `samples.jsonl` into `folder`.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut lines = BufWriter::new(File::create(folder.join("samples.jsonl"))?);
        let mut raw = self.raw.then(|| self.npy(folder)).transpose()?;
        let numbers: Vec<u64> = (self.first..self.first + self.count).collect();
        for chunk in numbers.chunks(CHUNK) {
            let pictures: Vec<(Sample, Vec<u8>)> = chunk.par_iter().map(|number| self.picture(*number)).collect();
            for (number, (sample, pixels)) in chunk.iter().zip(pictures) {
                if let Some(file) = &mut raw {
                    file.write_all(&pixels)?;
                } else {
                    let side = u32::try_from(self.side)?;
                    let path = folder.join(format!("{number:06}.png"));
                    image::save_buffer(&path, &pixels, side, side, image::ExtendedColorType::Rgb8)?;
                }
                let line = serde_json::json!({
                    "number": number,
                    "caption": sample.caption.text,
                    "mentions": sample.caption.mentions,
                    "labels": sample.labels,
                    "geometry": sample.geometry,
                    "face": sample.face,
                    "person": sample.person,
                });
                writeln!(lines, "{line}")?;
            }
        }
        lines.flush()?;
        if let Some(mut file) = raw {
            file.flush()?;
        }
        Ok(())
    }

    fn picture(&self, number: u64) -> (Sample, Vec<u8>) {
        let sample = sample::sample(self.wish, self.seed, number);
        let pixels = render::render(&sample.scene, self.side, self.side);
        (sample, pixels)
    }

    /// Starts a NumPy file, format 1.0; the pixels follow.
    fn npy(&self, folder: &Path) -> Result<BufWriter<File>> {
        let shape = format!("({}, {}, {}, 3)", self.count, self.side, self.side);
        let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}");
        while !(10 + header.len() + 1).is_multiple_of(64) {
            header.push(' ');
        }
        header.push('\n');
        let mut file = BufWriter::new(File::create(folder.join("images.npy"))?);
        file.write_all(b"\x93NUMPY\x01\x00")?;
        file.write_all(&u16::try_from(header.len())?.to_le_bytes())?;
        file.write_all(header.as_bytes())?;
        Ok(file)
    }
}
