//! From a file's bytes to upright 8-bit RGB.

use std::path::Path;

use image::{ColorType, DynamicImage, ImageBuffer, Pixel, RgbImage};

use super::error::PhotoError;
use super::format::Format;
use super::header::{self, decoder, one_line};
use super::{guard, jpeg, jpeg_other};

/// Decodes a photo completely: oriented, transparency over white, grey as three equal channels, 16 bits cut to the
/// upper 8. `path` is for messages only.
pub(super) fn decode(path: &Path, bytes: &[u8], format: Format) -> Result<RgbImage, PhotoError> {
    guard::catch(|| decode_unguarded(path, bytes, format))
        .unwrap_or_else(|what| Err(PhotoError::undecodable(path, format!("a damaged {format} file ({what})"))))
}

fn decode_unguarded(path: &Path, bytes: &[u8], format: Format) -> Result<RgbImage, PhotoError> {
    let header = header::read(path, bytes, format)?;
    if format == Format::Jpeg && !jpeg::is_complete(bytes) {
        return Err(PhotoError::undecodable(path, "the JPEG file ends in the middle of the image"));
    }
    let broken = |what: String| PhotoError::undecodable(path, format!("a damaged {format} file ({what})"));
    let rgb = match &header.unusual {
        Some(layout) => jpeg_other::decode(bytes, layout).map_err(broken)?,
        None => {
            let decoder = decoder(bytes, format).map_err(|e| broken(one_line(&e)))?;
            if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
                return Err(PhotoError::undecodable(path, format!("a {format} file of floating-point pixels")));
            }
            to_rgb8(DynamicImage::from_decoder(decoder).map_err(|e| broken(one_line(&e)))?)
        }
    };
    let mut image = DynamicImage::ImageRgb8(rgb);
    image.apply_orientation(header.orientation);
    Ok(image.into_rgb8())
}

fn to_rgb8(image: DynamicImage) -> RgbImage {
    match image {
        DynamicImage::ImageRgb8(image) => image,
        DynamicImage::ImageLuma8(image) => map(&image, |&[l]| [l; 3]),
        DynamicImage::ImageLuma16(image) => map(&image, |&[l]| [high(l); 3]),
        DynamicImage::ImageLumaA8(image) => map(&image, |&[l, a]| [over_white(l, a); 3]),
        DynamicImage::ImageLumaA16(image) => map(&image, |&[l, a]| [over_white(high(l), high(a)); 3]),
        DynamicImage::ImageRgb16(image) => map(&image, |rgb: &[u16; 3]| rgb.map(high)),
        DynamicImage::ImageRgba8(image) => map(&image, |&[r, g, b, a]| [r, g, b].map(|c| over_white(c, a))),
        DynamicImage::ImageRgba16(image) => {
            map(&image, |&[r, g, b, a]| [r, g, b].map(|c| over_white(high(c), high(a))))
        }
        // Floating-point pixels were refused above; other variants do not exist today.
        other => other.into_rgb8(),
    }
}

fn map<P: Pixel, const N: usize>(
    image: &ImageBuffer<P, Vec<P::Subpixel>>,
    to_rgb: impl Fn(&[P::Subpixel; N]) -> [u8; 3],
) -> RgbImage {
    let (pixels, _) = image.as_raw().as_chunks::<N>();
    let rgb = pixels.iter().flat_map(to_rgb).collect();
    RgbImage::from_raw(image.width(), image.height(), rgb).expect("three bytes for every pixel")
}

/// The upper 8 of 16 bits, as PIL reads 16-bit RGB. (PIL itself clips 16-bit grey to white.)
fn high(value: u16) -> u8 {
    (value >> 8) as u8
}

/// `value` with opacity `alpha` over white, as `PIL.Image.alpha_composite` computes it:
/// <https://github.com/python-pillow/Pillow/blob/11.0.0/src/libImaging/AlphaComposite.c#L50>, with 7 bits of extra
/// precision.
fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    let sum = (value * alpha + 255 * (255 - alpha)) << 7;
    let rounded = sum + (0x80 << 7);
    ((((rounded >> 8) + rounded) >> 8) >> 7) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparency_shows_white() {
        for value in 0..=255u8 {
            assert_eq!(over_white(value, 255), value);
            assert_eq!(over_white(value, 0), 255);
        }
        for (value, alpha) in [(0u8, 128u8), (10, 200), (200, 10), (37, 91), (254, 1)] {
            let exact = (f64::from(value) * f64::from(alpha) + 255.0 * f64::from(255 - alpha)) / 255.0;
            assert_eq!(f64::from(over_white(value, alpha)), exact.round(), "{value} {alpha}");
        }
    }
}
