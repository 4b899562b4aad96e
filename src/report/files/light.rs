//! A report that is sent away or kept in git: its images and photos are JPEGs, a third of their PNGs in size.

use image::codecs::jpeg::JpegEncoder;

use crate::report::data::{Setting, StudyData};
use crate::report::error::ReportError;
use crate::report::style::picture::decode;

/// From 0 to 100. The encoder keeps colour at full resolution; at this quality an image cannot be told from its PNG
/// without enlarging it.
const QUALITY: u8 = 92;

/// The name of the copy.
fn light_name(file: &str) -> Option<String> {
    file.strip_suffix(".png")
        .filter(|_| file.starts_with("images/") || file.starts_with("photos/"))
        .map(|f| f.to_owned() + ".jpg")
}

/// Names the copies in place of the images and photos, and says so where the result comes from.
pub(crate) fn lighten(data: &mut StudyData) {
    let rename = |file: &mut String| *file = light_name(file).unwrap_or_else(|| std::mem::take(file));
    let sets = data.baselines.iter_mut().chain(&mut data.class_images).map(|set| &mut set.images);
    let images = data.cells.iter_mut().map(|cell| &mut cell.images).chain(sets).flatten().map(|p| &mut p.file);
    images.chain(data.photos.iter_mut().filter_map(|photo| photo.file.as_mut())).for_each(rename);
    data.files.iter_mut().for_each(|file| rename(&mut file.to));
    data.provenance.push(Setting {
        key: "images and photos".into(),
        value: format!("JPEG copies of quality {QUALITY}; the store has the originals"),
    });
}

/// Whether a file of a light report is such a copy.
pub(crate) fn is_copy(file: &str) -> bool {
    file.ends_with(".jpg")
}

/// The copy of an image; `name` is for the message.
pub(crate) fn copy(name: &str, bytes: &[u8]) -> Result<Vec<u8>, ReportError> {
    let mut out = Vec::new();
    let image = decode(name, bytes)?;
    let written = JpegEncoder::new_with_quality(&mut out, QUALITY).encode_image(&image);
    written.map(|()| out).map_err(|e| ReportError::Image { name: name.to_owned(), reason: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn images_and_photos_become_jpegs_and_other_files_stay() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut data = fixture::with_files(fixture::study(), dir.path());
        let before = data.clone();
        lighten(&mut data);
        let ends = |data: &StudyData, end: &str| data.files.iter().filter(|file| file.to.ends_with(end)).count();
        assert!(ends(&before, ".png") > 20);
        assert_eq!((ends(&data, ".png"), ends(&data, ".jpg")), (0, ends(&before, ".png")));
        assert_eq!(ends(&data, ".safetensors"), ends(&before, ".safetensors"));
        let image = &before.cells[0].images[0];
        assert_eq!(data.cells[0].images[0].file, image.file.replace(".png", ".jpg"));
        assert!(data.photos.iter().all(|photo| photo.file.as_ref().is_none_or(|file| file.ends_with(".jpg"))));
        // The copy looks as the image does.
        let whole =
            before.files.iter().find(|file| file.to == image.file).expect("is there").from.read().expect("reads");
        let (whole, small) =
            (decode("a", &whole).expect("PNG"), decode("b", &copy("a", &whole).expect("JPEG")).expect("reads"));
        let error: u64 = whole.iter().zip(small.iter()).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
        assert!((error as f64 / whole.len() as f64).sqrt() < 4.0, "{error}");
        assert!(copy("images/x.jpg", b"no image").is_err());
    }
}
