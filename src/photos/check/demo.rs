//! The demo's photos, for tests.

use image::RgbImage;

/// One of the 30 photos.
pub(in crate::photos) fn photo(number: usize) -> RgbImage {
    let path = format!("{}/experiments/data/shinchan/{number:02}.jpg", env!("CARGO_MANIFEST_DIR"));
    image::open(path).expect("a demo photo").into_rgb8()
}

/// A photo as it is after it was saved as JPEG.
pub(in crate::photos) fn saved(image: &RgbImage, quality: u8) -> RgbImage {
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, quality).encode_image(image).expect("encode");
    image::load_from_memory(&jpeg).expect("decode").into_rgb8()
}
