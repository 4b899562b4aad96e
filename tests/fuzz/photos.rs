//! Photos: recognised, their headers and orientation read, small ones decoded.

use runner::choice::Crop;
use runner::photos::{Cut, Memory, Scan, examine, load, scan};

use crate::files::{Files, golden, golden_path};
use crate::harness::{Target, fuzz};
use crate::image::with_chunk;
use crate::mutate::Kind;
use crate::watch::Input;

/// Larger ones are not decoded here: what their pixels need is bounded by `MAX_PIXELS`, not by the file's size.
const DECODED: u64 = 300_000;
/// The TIFF decoder asks for up to 256 MB to read a value of a damaged directory before it finds the file too short.
const MEMORY: (u64, u64) = (320 << 20, 100);
/// Larger files are left out of the seeds.
const LARGEST: usize = 12_000;

fn seeds() -> Vec<Input> {
    let names = std::fs::read_dir(golden_path("photos/inputs")).expect("photos").flatten();
    let mut names: Vec<String> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let mut all: Vec<Vec<u8>> = names.iter().map(|name| golden(&format!("photos/inputs/{name}"))).collect();
    all.retain(|bytes| bytes.len() <= LARGEST);
    let png = golden("photos/inputs/size_2x9.png");
    let tiff = "45786966000049492a0008000000010012010300010000000600000000000000";
    let raw = format!("\nexif\n      {}\n{tiff}\n", tiff.len() / 2);
    all.push(with_chunk(&png, b"tEXt", format!("Raw profile type exif\0{raw}").as_bytes()));
    let xmp = "XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>";
    all.push(with_chunk(&png, b"iTXt", xmp.as_bytes()));
    all.into_iter().map(|bytes| vec![bytes]).collect()
}

#[test]
fn photos() {
    let files = Files::new();
    fuzz(Target { name: "photos", parts: &[Kind::Image], seeds: seeds(), inputs: 10_000, memory: MEMORY }, |input| {
        let path = files.put("photo", &input[0]);
        let photo = match scan(&[path], None) {
            Err(error) => return error.to_string(),
            Ok(scan) => scan.photos.into_iter().next().expect("a photo named by itself is used or refused"),
        };
        // image-webp 0.2.4 builds every Huffman table that a lossless image announces, up to 65,536 groups of 20 kB,
        // however small the image; nothing before the decoder can tell (docs/fuzzing.md).
        if [b"VP8L", b"ALPH"].iter().any(|chunk| input[0].windows(4).any(|window| window == *chunk)) {
            return "a lossless WebP".to_owned();
        }
        if u64::from(photo.width) * u64::from(photo.height) > DECODED {
            return format!("a large {}", photo.format);
        }
        let mut alone = Scan { photos: vec![photo.clone()], ..Scan::default() };
        let checked = examine(&mut alone, &mut Memory::parse(""));
        let square = load(&photo, &Cut { resolution: 16, crop: Crop::Random, seed: 1, buckets: false });
        assert_eq!(checked.is_ok(), square.is_ok(), "what is checked is what is loaded");
        match square {
            Ok(square) => {
                assert_eq!(square.dimensions(), (16, 16));
                format!("a {}", photo.format)
            }
            Err(error) => error.to_string(),
        }
    });
}
