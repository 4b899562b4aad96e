//! PNG files that tell how they were made, in the `parameters` text chunk that A1111 and other programs read.

use image::RgbImage;

use crate::choice::{Guidance, PromptOptions, Sampling, Sigmas, Spacing};
use crate::picture::encode_png;
use std::fmt::Write as _;

/// Everything needed to make an image again.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recipe {
    pub(super) prompt: String,
    pub(super) negative_prompt: String,
    pub(super) sampling: Sampling,
    pub(super) reading: PromptOptions,
    pub(super) guidance: Guidance,
    pub(super) seed: u64,
    pub(super) width: usize,
    pub(super) height: usize,
    /// The model, as the user named it.
    pub(super) model: String,
    /// BLAKE3 of the model's files.
    pub(super) model_hash: String,
    /// File name and scale of each adapter.
    pub(super) loras: Vec<(String, f64)>,
}

impl Recipe {
    /// Prompt, negative prompt, and one line of settings.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}\n", self.prompt);
        if !self.negative_prompt.is_empty() {
            let _ = writeln!(text, "Negative prompt: {}", self.negative_prompt);
        }
        let Self { seed, width, height, model, model_hash, .. } = self;
        let Sampling { sampler, steps, timestep_spacing, sigmas } = self.sampling;
        let _ = write!(text, "Steps: {steps}, Sampler: {sampler}, ");
        if sigmas != Sigmas::Model {
            let _ = write!(text, "Schedule type: {sigmas}, ");
        }
        if timestep_spacing != Spacing::Model {
            let _ = write!(text, "Timestep spacing: {timestep_spacing}, ");
        }
        let Guidance { scale, rescale } = self.guidance;
        let _ = write!(text, "CFG scale: {scale}, ");
        if rescale != 0.0 {
            let _ = write!(text, "CFG Rescale: {rescale}, ");
        }
        let _ = write!(text, "Seed: {seed}, ");
        let _ = write!(
            text,
            "Size: {width}x{height}, Model: {model}, Model hash: {}",
            &model_hash[..16.min(model_hash.len())]
        );
        let PromptOptions { clip_skip, long_prompts, prompt_weights } = self.reading;
        if clip_skip > 0 {
            // A1111 counts from 1.
            let _ = write!(text, ", Clip skip: {}", clip_skip + 1);
        }
        if long_prompts {
            text.push_str(", Long prompts: true");
        }
        if prompt_weights {
            text.push_str(", Emphasis: Original");
        }
        for (file, scale) in &self.loras {
            let _ = write!(text, ", Lora: {file}:{scale}");
        }
        text
    }
}

/// A PNG with the recipe in it.
pub(super) fn encode(image: &RgbImage, recipe: &Recipe) -> anyhow::Result<Vec<u8>> {
    const SOFTWARE: &str = concat!("runner ", env!("CARGO_PKG_VERSION"));
    Ok(encode_png(image, &[("parameters", recipe.text().into()), ("Software", SOFTWARE.into())])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_is_in_the_file() {
        let image = RgbImage::from_raw(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        for prompt in ["a café", "漫画 🎈"] {
            let recipe = Recipe {
                prompt: prompt.into(),
                negative_prompt: "blur".into(),
                sampling: Sampling::new(crate::choice::Sampler::DpmPp2m, 25),
                reading: PromptOptions::default(),
                guidance: Guidance::new(7.5),
                seed: 7,
                width: 2,
                height: 1,
                model: "m".into(),
                model_hash: "0123456789abcdef0123".into(),
                loras: vec![("l.safetensors".into(), 0.8)],
            };
            let bytes = encode(&image, &recipe).unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
            let mut pixels = vec![0; 6];
            reader.next_frame(&mut pixels).unwrap();
            assert_eq!(&pixels, image.as_raw());
            let info = reader.info();
            let latin =
                info.uncompressed_latin1_text.iter().find(|t| t.keyword == "parameters").map(|t| t.text.clone());
            let utf8 = info.utf8_text.first().map(|t| t.get_text().unwrap());
            let expected = format!(
                "{prompt}\nNegative prompt: blur\nSteps: 25, Sampler: dpm++2m, CFG scale: 7.5, Seed: 7, Size: 2x1, \
                 Model: m, Model hash: 0123456789abcdef, Lora: l.safetensors:0.8"
            );
            assert_eq!(latin.or(utf8).unwrap(), expected);
        }
    }

    #[test]
    fn settings_that_differ_from_the_usual_ones_are_told() {
        let sampling = Sampling::new(crate::choice::Sampler::Euler, 3);
        let recipe = Recipe {
            prompt: "p".into(),
            negative_prompt: String::new(),
            sampling: Sampling { timestep_spacing: Spacing::Trailing, sigmas: Sigmas::Karras, ..sampling },
            reading: PromptOptions { clip_skip: 1, long_prompts: true, prompt_weights: true },
            guidance: Guidance { scale: 2.0, rescale: 0.7 },
            seed: 1,
            width: 8,
            height: 8,
            model: "m".into(),
            model_hash: "0".into(),
            loras: Vec::new(),
        };
        assert_eq!(
            recipe.text(),
            "p\nSteps: 3, Sampler: euler, Schedule type: karras, Timestep spacing: trailing, CFG scale: 2, \
             CFG Rescale: 0.7, \
             Seed: 1, Size: 8x8, Model: m, Model hash: 0, Clip skip: 2, Long prompts: true, Emphasis: Original"
        );
    }
}
