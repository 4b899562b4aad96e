//! Decodes the JPEG files that the first decoder reads wrongly, see [`Layout::is_usual`].

use image::RgbImage;
use jpeg_decoder::{ColorTransform, Decoder, PixelFormat};

use super::jpeg::Layout;
use super::limits::{DECODER_BYTES, MAX_PIXELS};

/// The pixels as PIL gives them, not yet upright; `Err` is a message of the decoder.
pub(super) fn decode(bytes: &[u8], layout: &Layout) -> Result<RgbImage, String> {
    let mut decoder = Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(usize::try_from(DECODER_BYTES + 8 * MAX_PIXELS).unwrap_or(usize::MAX));
    if let Some(transform) = transform(layout) {
        decoder.set_color_transform(transform);
    }
    let pixels = decoder.decode().map_err(|e| e.to_string())?;
    let info = decoder.info().ok_or("it has no header")?;
    let rgb = match info.pixel_format {
        PixelFormat::RGB24 => pixels,
        PixelFormat::L8 => pixels.into_iter().flat_map(|grey| [grey; 3]).collect(),
        PixelFormat::CMYK32 => pixels.as_chunks().0.iter().flat_map(|&ink| from_ink(ink)).collect(),
        PixelFormat::L16 => return Err("16 bits per channel".into()),
    };
    RgbImage::from_raw(u32::from(info.width), u32::from(info.height), rgb).ok_or_else(|| "too few pixels".into())
}

/// The colour space of the file, decided as in libjpeg: by the JFIF header, else Adobe's, else the component names.
/// <https://github.com/libjpeg-turbo/libjpeg-turbo/blob/3.0.4/jdapimin.c#L124>
fn transform(layout: &Layout) -> Option<ColorTransform> {
    let names: Vec<u8> = layout.components.iter().map(|&(id, ..)| id).collect();
    Some(match (names.as_slice(), layout.adobe) {
        ([_], _) => ColorTransform::Grayscale,
        ([_, _, _], _) if layout.jfif => ColorTransform::YCbCr,
        ([_, _, _], Some(0)) => ColorTransform::RGB,
        ([_, _, _], Some(_)) => ColorTransform::YCbCr,
        (b"RGB", None) => ColorTransform::RGB,
        ([_, _, _], None) => ColorTransform::YCbCr,
        ([_, _, _, _], None | Some(0)) => ColorTransform::CMYK,
        ([_, _, _, _], Some(_)) => ColorTransform::YCCK,
        _ => return None,
    })
}

/// CMYK as RGB, computed as in PIL: black reduces each of the three colours.
/// <https://github.com/python-pillow/Pillow/blob/11.0.0/src/libImaging/Convert.c#L600>
fn from_ink([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let left = 255 - u32::from(black);
    [cyan, magenta, yellow].map(|ink| {
        let sum = u32::from(ink) * left + 128;
        (left - ((sum + (sum >> 8)) >> 8)) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_makes_darker() {
        assert_eq!(from_ink([0, 0, 0, 0]), [255; 3]);
        assert_eq!(from_ink([255, 0, 128, 0]), [0, 255, 127]);
        assert_eq!(from_ink([9, 99, 255, 255]), [0; 3]);
        assert_eq!(from_ink([0, 0, 255, 55]), [200, 200, 0]);
    }
}
