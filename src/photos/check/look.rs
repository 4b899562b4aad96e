//! What is measured on the pixels of a photo.

use image::RgbImage;

use super::border::{self, Border};
use super::grey::Grey;
use super::sharpness::sharpness;
use super::thumbnail::{self, Thumbnail};
use crate::photos::hex;

/// The numbers that the rules work on.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// See [`sharpness()`].
    pub(in crate::photos) sharpness: f32,
    pub(in crate::photos) border: Border,
    pub(in crate::photos) thumbnail: Thumbnail,
}

impl Look {
    pub(in crate::photos) fn of(image: &RgbImage) -> Self {
        let grey = Grey::of(image);
        Self { sharpness: sharpness(&grey), border: Border::of(image), thumbnail: Thumbnail::of(&grey) }
    }

    /// As hexadecimal digits.
    pub(in crate::photos) fn to_text(&self) -> String {
        let sharpness = hex::to_text(&self.sharpness.to_be_bytes());
        sharpness + &hex::to_text(&self.border.0) + &hex::to_text(&self.thumbnail.0)
    }

    /// Reads [`Look::to_text`].
    pub(in crate::photos) fn parse(text: &str) -> Option<Self> {
        let bytes = hex::parse(text)?;
        let (sharpness, rest) = bytes.split_first_chunk::<4>()?;
        let (border, thumbnail) = rest.split_first_chunk::<{ border::BYTES }>()?;
        let look = Self {
            sharpness: f32::from_be_bytes(*sharpness),
            border: Border(*border),
            thumbnail: Thumbnail(thumbnail.to_vec()),
        };
        (thumbnail.len() == thumbnail::BYTES && look.sharpness.is_finite()).then_some(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photos::check::demo::photo;

    #[test]
    fn a_look_survives_as_text() {
        let look = Look::of(&photo(5));
        let text = look.to_text();
        assert_eq!(Look::parse(&text), Some(look));
        for bad in ["", "zz", &text[2..], &format!("{text}00")] {
            assert_eq!(Look::parse(bad), None);
        }
    }
}
