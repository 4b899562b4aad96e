//! PNG files.

use std::borrow::Cow;

use image::RgbImage;

/// An 8-bit RGB PNG: the same bytes for the same pixels and texts on every machine. `texts` are keyword and text of
/// its text chunks: tEXt for Latin-1, which every program reads, else iTXt.
///
/// # Errors
/// A keyword that PNG does not allow, a picture without pixels.
pub fn encode_png(image: &RgbImage, texts: &[(&str, Cow<'_, str>)]) -> Result<Vec<u8>, png::EncodingError> {
    encode((image.width(), image.height()), None, image.as_raw(), texts)
}

/// The file of pixels of three bytes each, or of places in a palette, whose colours have three bytes each.
pub(super) fn encode(
    size: (u32, u32),
    palette: Option<&[u8]>,
    pixels: &[u8],
    texts: &[(&str, Cow<'_, str>)],
) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size.0, size.1);
    encoder.set_depth(png::BitDepth::Eight);
    match palette {
        Some(colours) => {
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_palette(colours);
            encoder.set_filter(png::Filter::NoFilter);
        }
        None => encoder.set_color(png::ColorType::Rgb),
    }
    for (keyword, text) in texts {
        if text.chars().all(|c| u32::from(c) < 256 && c != '\0') {
            encoder.add_text_chunk((*keyword).to_owned(), text.clone().into_owned())?;
        } else {
            encoder.add_itxt_chunk((*keyword).to_owned(), text.replace('\0', ""))?;
        }
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// Reads a PNG file's bytes.
///
/// # Errors
/// The bytes are not a whole PNG file.
pub fn decode_png(bytes: &[u8]) -> image::ImageResult<RgbImage> {
    Ok(image::load_from_memory_with_format(bytes, image::ImageFormat::Png)?.to_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ExtendedColorType, ImageEncoder as _, codecs::png as codec};

    #[test]
    fn a_png_keeps_pixels_and_texts() {
        let image = RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8, y as u8, 9]));
        for text in ["{}", "a café", "漫画 🎈"] {
            let bytes = encode_png(&image, &[("settings", text.into())]).unwrap();
            assert_eq!(decode_png(&bytes).unwrap(), image);
            let reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
            let info = reader.info();
            let latin = info.uncompressed_latin1_text.first().map(|chunk| chunk.text.clone());
            let other = || info.utf8_text.first().unwrap().get_text().unwrap();
            assert_eq!(latin.unwrap_or_else(other), text);
        }
        assert!(decode_png(b"\x89PNG nonsense").is_err());
    }

    #[test]
    fn stored_images_of_older_versions_have_the_same_bytes() {
        let image = RgbImage::from_fn(70, 45, |x, y| image::Rgb([(x * y) as u8, (x * 3) as u8, (y * 7) as u8]));
        let mut old = Vec::new();
        codec::PngEncoder::new_with_quality(&mut old, codec::CompressionType::Default, codec::FilterType::Adaptive)
            .write_image(image.as_raw(), 70, 45, ExtendedColorType::Rgb8)
            .unwrap();
        assert_eq!(encode_png(&image, &[]).unwrap(), old);
    }
}
