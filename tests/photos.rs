//! Photos as a user has them: cut off, damaged, changed, huge.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use runner::choice::Crop;
use runner::photos::{Cut, Memory, Photo, PhotoError, Scan, examine, load, scan};

fn cut(resolution: usize, crop: Crop, seed: u64) -> Cut {
    Cut { resolution, crop, seed, buckets: false }
}

fn golden(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/photos/inputs").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// One of every format, small.
const SAMPLES: [&str; 12] = [
    "orientation_6.jpg",
    "scans_420.jpg",
    "scans_cmyk.jpg",
    "progressive.jpg",
    "cmyk.jpg",
    "orientation_6.png",
    "orientation_profile.png",
    "palette.gif",
    "palette.bmp",
    "rgb.tiff",
    "rgba.webp",
    "lossy.webp",
];

/// What becomes of a file: the square of 16 pixels, or an error's message, or `None` if it was skipped.
fn read(folder: &Path, bytes: &[u8]) -> Option<Result<Vec<u8>, String>> {
    let path = folder.join("photo");
    std::fs::write(&path, bytes).expect("write");
    let result = scan(&[folder.to_owned()], None).and_then(|mut scan| {
        examine(&mut scan, &mut Memory::default())?;
        let Some(photo) = scan.photos.first() else { return Ok(None) };
        load(photo, &cut(16, Crop::Center, 0)).map(|image| Some(image.into_raw()))
    });
    result.map_err(|e| e.to_string()).transpose()
}

#[test]
fn a_file_cut_off_anywhere_is_whole_or_refused_by_name() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for name in SAMPLES {
        let bytes = golden(name);
        let whole = read(folder.path(), &bytes).expect("a photo").expect("decodes");
        let mut refused = 0;
        for cut in (0..bytes.len()).step_by(1 + bytes.len() / 400) {
            match read(folder.path(), &bytes[..cut]) {
                Some(Ok(pixels)) => {
                    assert!(pixels == whole, "{name} cut at {cut} of {} is another picture", bytes.len())
                }
                Some(Err(message)) => {
                    assert!(message.contains("photo: "), "{message}");
                    assert!(message.contains("save it again"), "{message}");
                    refused += 1;
                }
                None => assert!(cut < 64, "{name} cut at {cut} was not recognised"),
            }
        }
        assert!(refused > 100, "{name}: {refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn damaged_files_never_panic(
        sample in 0..SAMPLES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = golden(SAMPLES[sample]);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let folder = tempfile::tempdir().expect("temporary folder");
        let _ = read(folder.path(), &bytes);
    }
}

fn scanned(folder: &Path) -> Vec<Photo> {
    scan(&[folder.to_owned()], None).expect("scan").photos
}

fn scan_of(photos: &[Photo]) -> Scan {
    Scan { photos: photos.to_vec(), ..Scan::default() }
}

#[test]
fn all_broken_photos_are_told_at_once() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let half = |name: &str| {
        let bytes = golden(name);
        bytes[..bytes.len() * 3 / 4].to_vec()
    };
    std::fs::write(folder.path().join("a.jpg"), half("444.jpg")).expect("write");
    std::fs::write(folder.path().join("b.jpg"), golden("422.jpg")).expect("write");
    std::fs::write(folder.path().join("c.png"), half("rgba.png")).expect("write");
    let photos = scanned(folder.path());
    assert_eq!(photos.len(), 3, "headers are fine");
    let mut memory = Memory::default();
    let error = examine(&mut scan_of(&photos), &mut memory).expect_err("two are broken");
    assert!(matches!(&error, PhotoError::Several(errors) if errors.len() == 2));
    let message = error.to_string();
    assert!(message.contains("a.jpg: the JPEG file ends in the middle of the image; open it"), "{message}");
    assert!(message.contains("c.png: a damaged PNG file"), "{message}");
    assert!(examine(&mut scan_of(&photos[1..2]), &mut memory).is_ok());
    // The broken ones are not remembered as fine.
    assert!(examine(&mut scan_of(&photos), &mut memory).is_err());
}

#[test]
fn a_photo_that_changed_since_the_scan_is_not_used() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("a.png");
    std::fs::write(&path, golden("rgba.png")).expect("write");
    let photo = scanned(folder.path()).remove(0);
    std::fs::write(&path, golden("grey.png")).expect("write");
    assert!(matches!(load(&photo, &cut(16, Crop::Center, 0)), Err(PhotoError::Changed { .. })));
    std::fs::remove_file(&path).expect("remove");
    let missing = examine(&mut scan_of(&[photo]), &mut Memory::default());
    assert!(matches!(missing, Err(PhotoError::Missing { .. })));
}

#[test]
fn a_random_crop_is_a_part_of_the_photo_and_repeats() {
    let folder = tempfile::tempdir().expect("temporary folder");
    std::fs::write(folder.path().join("a.png"), golden("size_101x33.png")).expect("write");
    let photo = scanned(folder.path()).remove(0);
    let whole = image::load_from_memory(&golden("size_101x33.png")).expect("PNG").into_rgb8();
    // At its own height nothing is resampled, so the square must be found in the photo.
    let places: Vec<u32> = (0..6)
        .map(|seed| {
            let square = load(&photo, &cut(33, Crop::Random, seed)).expect("loads");
            assert_eq!(square, load(&photo, &cut(33, Crop::Random, seed)).expect("loads"));
            let at = |x: &u32| image::imageops::crop_imm(&whole, *x, 0, 33, 33).to_image() == square;
            (0..=101 - 33).find(at).expect("a part of the photo")
        })
        .collect();
    assert!(places.windows(2).any(|pair| pair[0] != pair[1]), "{places:?}");
}

#[test]
fn a_very_long_photo_costs_no_more_than_its_square() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path: PathBuf = folder.path().join("long.png");
    image::RgbImage::from_pixel(60_000, 1, image::Rgb([9, 8, 7])).save(&path).expect("save");
    let photo = scanned(folder.path()).remove(0);
    // Resized as a whole it would have 512 × 30,720,000 pixels.
    let square = load(&photo, &cut(512, Crop::Center, 0)).expect("loads");
    assert!(square.pixels().all(|pixel| pixel.0 == [9, 8, 7]));
}

#[test]
fn animations_are_skipped_by_name() {
    use image::codecs::gif::GifEncoder;
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for grey in [10, 200] {
        let frame = image::RgbaImage::from_pixel(4, 4, image::Rgba([grey, grey, grey, 255]));
        encoder.encode_frame(image::Frame::new(frame)).expect("frame");
    }
    drop(encoder);
    std::fs::write(folder.path().join("a.gif"), &bytes).expect("write");
    let scan = scan(&[folder.path().to_owned()], None).expect("scan");
    assert!(scan.photos.is_empty());
    assert_eq!(scan.skipped[0].reason, "an animated GIF: save the frame you want as JPEG or PNG");
}

/// A demo photo, in JPEG.
fn demo(number: usize) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("experiments/data/shinchan/{number:02}.jpg"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The bytes of a JPEG file with one more segment behind its first marker.
fn with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).expect("a short segment").to_be_bytes();
    [&jpeg[..2], &[0xff, marker], &length, data, &jpeg[2..]].concat()
}

fn encoded(image: &image::RgbImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("encode");
    bytes.into_inner()
}

fn examined(files: &[(&str, Vec<u8>)]) -> Scan {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("write");
    }
    let mut scan = scan(&[folder.path().to_owned()], None).expect("scan");
    examine(&mut scan, &mut Memory::default()).expect("decodes");
    scan
}

#[test]
fn the_same_pixels_in_other_bytes_are_one_photo() {
    let original = demo(4);
    let pixels = image::load_from_memory(&original).expect("JPEG").into_rgb8();
    let scan = examined(&[
        ("a.jpg", original.clone()),
        ("comment.jpg", with_segment(&original, 0xfe, b"again")),
        ("exif.jpg", with_segment(&original, 0xe1, b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")),
        ("other.jpg", demo(5)),
        ("png.png", encoded(&pixels, image::ImageFormat::Png)),
        ("tiff.tiff", encoded(&pixels, image::ImageFormat::Tiff)),
        ("webp.webp", encoded(&pixels, image::ImageFormat::WebP)),
    ]);
    let names: Vec<&str> = scan.photos.iter().map(|photo| photo.name.as_str()).collect();
    assert_eq!(names, ["a.jpg", "other.jpg"]);
    assert!(scan.duplicates.len() == 5 && scan.duplicates.iter().all(|copy| copy.same_as.ends_with("a.jpg")));
    assert!(scan.alike.is_empty());
}

#[test]
fn nearly_the_same_picture_is_found_and_stays_on_one_side() {
    let original = demo(4);
    let pixels = image::load_from_memory(&original).expect("JPEG").into_rgb8();
    let sideways =
        with_segment(&original, 0xe1, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0");
    let small = image::imageops::thumbnail(&pixels, 90, 70);
    let mut files = vec![
        ("a.jpg", original),
        ("again.jpg", encoded(&pixels, image::ImageFormat::Jpeg)),
        ("sideways.jpg", sideways),
        ("small.png", encoded(&small, image::ImageFormat::Png)),
    ];
    let others = ["o0.jpg", "o1.jpg", "o2.jpg", "o3.jpg", "o5.jpg"];
    files.extend(others.into_iter().zip([0, 1, 2, 3, 5].map(demo)));
    let mut scan = examined(&files);
    let hash = |name: &str| scan.photos.iter().find(|photo| photo.name == name).expect("a photo").hash.clone();
    let group = ["a.jpg", "again.jpg", "sideways.jpg", "small.png"].map(hash);
    assert_eq!(scan.alike.len(), 1);
    assert_eq!((&scan.alike[0].photos[..], scan.alike[0].mirrored), (&group[..], false));
    for (seed, held_out) in (0..40).flat_map(|seed| (1..8).map(move |held_out| (seed, held_out))) {
        let split = runner::photos::split(&scan, seed, held_out);
        let has = |side: &[usize]| side.iter().any(|&i| group.contains(&scan.photos[i].hash));
        assert!(!(has(&split.train) && has(&split.held_out)), "{seed} {held_out}");
    }
    let mirrored = encoded(&image::imageops::flip_horizontal(&pixels), image::ImageFormat::Png);
    scan = examined(&[("a.jpg", demo(4)), ("m.png", mirrored)]);
    assert!(scan.alike.len() == 1 && scan.alike[0].mirrored);
}
