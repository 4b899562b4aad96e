//! `preprocessor_config.json`, or the part `image_processor` of `processor_config.json`, which newer files have.
//!
//! Defaults are those of the classes of transformers 5.23; a missing class follows from the kind of encoder, as in
//! `AutoImageProcessor`.

use serde_json::{Value, json};

use super::kind::EncoderKind;
use super::preprocessing::{Preprocessing, Resize};
use crate::models::config::ConfigFile;
use crate::picture::Filter;
use crate::tensors::LoadError;
use crate::tensors::texts::Texts;

/// The files that may say how pictures are prepared, the one that wins first.
pub(super) const NAMES: [&str; 2] = ["processor_config.json", "preprocessor_config.json"];

/// Longest side in pixels of what an encoder reads.
const LONGEST: usize = 4096;

/// OpenAI's mean and standard deviation.
const OPENAI: [[f64; 3]; 2] = [[0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_58, 0.275_777_11]];

/// What a class of transformers does where its file says nothing.
struct Class {
    size: Value,
    /// Whether a single number is the length of both sides; else it is that of the shorter one.
    square: bool,
    filter: u64,
    crop: Option<usize>,
    mean_std: [[f64; 3]; 2],
}

/// What the file that counts says, and height and width of every picture afterwards.
type Read = (&'static str, Preprocessing, (usize, usize));

/// The name of the file that counts, and what it says.
///
/// # Errors
/// Names what is missing or not supported.
pub(super) fn read(texts: &Texts, kind: EncoderKind) -> Result<Read, LoadError> {
    for name in NAMES {
        let Some(text) = texts.get(name)? else { continue };
        let path = texts.path(name);
        let whole = ConfigFile::parse(&path, text)?;
        if name == NAMES[1] {
            let (preprocessing, size) = parse(&whole, kind)?;
            return Ok((name, preprocessing, size));
        }
        if let Some(part) = whole.fields.some("image_processor") {
            let (preprocessing, size) = parse(&ConfigFile::parse(&path, &part.to_string())?, kind)?;
            return Ok((name, preprocessing, size));
        }
    }
    let advice = "it says how pictures are resized and normalised; copy it from where the weights come from";
    let wanted = NAMES[1].to_owned();
    Err(LoadError::NotFound { folder: texts.path(""), wanted, advice: Some(advice.to_owned()) })
}

fn parse(file: &ConfigFile, kind: EncoderKind) -> Result<(Preprocessing, (usize, usize)), LoadError> {
    let class = class(file, kind)?;
    // Where a value is null, transformers takes the default.
    let flag = |key: &str, default: bool| match file.fields.some(key) {
        None => Ok(default),
        Some(_) => file.good(file.fields.flag(key, default)),
    };
    file.only("do_pad", &[json!(false), Value::Null])?;
    let resize = if flag("do_resize", true)? { Some((resize(file, &class)?, filter(file, &class)?)) } else { None };
    let crop = if flag("do_center_crop", class.crop.is_some())? { Some(crop(file, &class)?) } else { None };
    let scale = if flag("do_rescale", true)? { Some(factor(file)?) } else { None };
    let normalise = if flag("do_normalize", true)? {
        let [mean, std] = class.mean_std;
        let (mean, std) = (three(file, "image_mean", mean)?, three(file, "image_std", std)?);
        if std.contains(&0.0) {
            return file.good(Err(file.fields.error("image_std", "it must not be 0")));
        }
        Some((mean, std))
    } else {
        None
    };
    let preprocessing = Preprocessing { resize, crop, scale, normalise };
    match preprocessing.size() {
        Some(size) => Ok((preprocessing, size)),
        None => Err(file.invalid(
            "pictures would keep different sizes; it must have `do_center_crop`, or `size` with height and width",
        )),
    }
}

fn class(file: &ConfigFile, kind: EncoderKind) -> Result<Class, LoadError> {
    let named = |key: &str| file.good(file.fields.text(key));
    let name = named("image_processor_type")?.or(named("feature_extractor_type")?);
    let stem = name.as_deref().map(|name| name.trim_end_matches("Fast").trim_end_matches("Pil"));
    let default = if kind == EncoderKind::Dino { "ViTImageProcessor" } else { "CLIPImageProcessor" };
    match stem.unwrap_or(default) {
        // `BitImageProcessor`, which DINOv2 has, differs from CLIP's in name only.
        "CLIPImageProcessor" | "CLIPFeatureExtractor" | "BitImageProcessor" => Ok(Class {
            size: json!({"shortest_edge": 224}),
            square: false,
            filter: 3,
            crop: Some(224),
            mean_std: OPENAI,
        }),
        "ViTImageProcessor" | "ViTFeatureExtractor" => Ok(Class {
            size: json!({"height": 224, "width": 224}),
            square: true,
            filter: 2,
            crop: None,
            mean_std: [[0.5; 3]; 2],
        }),
        _ => {
            let key = if file.fields.some("image_processor_type").is_some() {
                "image_processor_type"
            } else {
                "feature_extractor_type"
            };
            let wanted = "it must be CLIPImageProcessor, BitImageProcessor or ViTImageProcessor";
            file.good(Err(file.fields.error(key, wanted)))
        }
    }
}

fn resize(file: &ConfigFile, class: &Class) -> Result<Resize, LoadError> {
    let value = file.fields.some("size").unwrap_or(&class.size);
    let wrong = || file.fields.error("size", "it must have `shortest_edge`, or `height` and `width`, in pixels");
    let side = |key: &str| value.get(key).and_then(Value::as_u64).map(|side| side as usize);
    let keys = value.as_object().map_or(0, serde_json::Map::len);
    let resize = match (value.as_u64(), side("shortest_edge"), side("height"), side("width")) {
        (Some(side), ..) if class.square => Resize::To(side as usize, side as usize),
        (Some(side), ..) => Resize::Shortest(side as usize),
        (None, Some(side), None, None) if keys == 1 => Resize::Shortest(side),
        (None, None, Some(height), Some(width)) if keys == 2 => Resize::To(height, width),
        _ => return file.good(Err(wrong())),
    };
    let sides = match resize {
        Resize::Shortest(side) => [side; 2],
        Resize::To(height, width) => [height, width],
    };
    sides.iter().try_for_each(|side| file.in_range("size", *side, LONGEST)).map(|()| resize)
}

/// PIL's number of the filter. See [`Resampling`](https://pillow.readthedocs.io/en/stable/reference/Image.html).
fn filter(file: &ConfigFile, class: &Class) -> Result<Filter, LoadError> {
    let number = match file.fields.some("resample") {
        None => class.filter,
        Some(_) => file.good(file.fields.count("resample", 0))? as u64,
    };
    match number {
        1 => Ok(Filter::Lanczos),
        2 => Ok(Filter::Bilinear),
        3 => Ok(Filter::Bicubic),
        _ => file.good(Err(file.fields.error("resample", "it must be 1 (Lanczos), 2 (bilinear) or 3 (bicubic)"))),
    }
}

fn crop(file: &ConfigFile, class: &Class) -> Result<(usize, usize), LoadError> {
    let sides = match file.fields.some("crop_size") {
        None => class.crop.map(|side| (side, side)),
        Some(Value::Object(sides)) => {
            let side = |key: &str| sides.get(key).and_then(Value::as_u64).map(|side| side as usize);
            side("height").zip(side("width"))
        }
        Some(value) => value.as_u64().map(|side| (side as usize, side as usize)),
    };
    let wrong = || file.fields.error("crop_size", "it must be a number of pixels, or have `height` and `width`");
    let (height, width) = file.good(sides.ok_or_else(wrong))?;
    file.in_range("crop_size", height, LONGEST)?;
    file.in_range("crop_size", width, LONGEST).map(|()| (height, width))
}

fn factor(file: &ConfigFile) -> Result<f64, LoadError> {
    match file.fields.some("rescale_factor") {
        None => Ok(1.0 / 255.0),
        Some(_) => file.positive("rescale_factor", 1.0),
    }
}

/// One number for each channel, or one for all, rounded to f32 as NumPy does.
fn three(file: &ConfigFile, key: &str, default: [f64; 3]) -> Result<[f32; 3], LoadError> {
    let numbers = match file.fields.some(key) {
        None => default.to_vec(),
        Some(Value::Number(number)) => vec![number.as_f64().unwrap_or(f64::NAN); 3],
        Some(_) => file.good(file.fields.numbers(key))?.unwrap_or_default(),
    };
    let rounded: Vec<f32> = numbers.iter().map(|number| *number as f32).collect();
    match <[f32; 3]>::try_from(rounded) {
        Ok(three) if three.iter().all(|number| number.is_finite()) => Ok(three),
        _ => file.good(Err(file.fields.error(key, "it must be three numbers"))),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parsed(kind: EncoderKind, text: &str) -> Result<Preprocessing, LoadError> {
        Ok(parse(&ConfigFile::parse(Path::new("x/preprocessor_config.json"), text)?, kind)?.0)
    }

    #[test]
    fn published_files_and_defaults() {
        let dino = parsed(
            EncoderKind::Dino,
            r#"{"do_normalize": true, "do_resize": true, "feature_extractor_type": "ViTFeatureExtractor",
            "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225], "resample": 3, "size": 224}"#,
        )
        .unwrap();
        assert_eq!((dino.resize, dino.crop), (Some((Resize::To(224, 224), Filter::Bicubic)), None));
        assert_eq!(dino.normalise.unwrap().0, [0.485, 0.456, 0.406]);
        let dinov2 = parsed(EncoderKind::Dinov2, r#"{"size": {"shortest_edge": 256}, "crop_size": null}"#).unwrap();
        assert_eq!((dinov2.resize, dinov2.crop), (Some((Resize::Shortest(256), Filter::Bicubic)), Some((224, 224))));
        assert_eq!((dinov2.scale, dinov2.normalise.unwrap().1[2]), (Some(1.0 / 255.0), 0.275_777_1));
        let clip = parsed(EncoderKind::Clip, r#"{"size": 336, "crop_size": 336, "image_mean": 0.5}"#).unwrap();
        assert_eq!((clip.resize, clip.crop), (Some((Resize::Shortest(336), Filter::Bicubic)), Some((336, 336))));
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (text, said) in [
            (r#"{"image_processor_type": "SiglipImageProcessor"}"#, "image_processor_type"),
            (r#"{"do_center_crop": false}"#, "different sizes"),
            (r#"{"resample": 0}"#, "resample"),
            (r#"{"size": {"longest_edge": 224}}"#, "`size`"),
            (r#"{"size": {"shortest_edge": 224, "longest_edge": 500}}"#, "`size`"),
            (r#"{"size": 1000000}"#, "1000000"),
            (r#"{"crop_size": [1, 2, 3]}"#, "crop_size"),
            (r#"{"image_std": [0, 1, 1]}"#, "image_std"),
            (r#"{"image_mean": [0, 1]}"#, "three numbers"),
            (r#"{"rescale_factor": 0}"#, "rescale_factor"),
            (r#"{"do_pad": true}"#, "do_pad"),
        ] {
            let message = parsed(EncoderKind::Clip, text).unwrap_err().to_string();
            assert!(message.contains(said) && message.contains("x/preprocessor_config.json"), "{text}: {message}");
        }
    }
}
