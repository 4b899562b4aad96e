//! Whole images against `StableDiffusionXLPipeline`.

use std::ops::ControlFlow;

use image::RgbImage;
use runner::adapter::file;
use runner::choice::{Guidance, PromptOptions, Sampling};
use runner::pipeline::{ImageRequest, generate};

use super::psnr::psnr;
use super::*;

#[derive(serde::Deserialize)]
struct Case {
    sampler: String,
    steps: usize,
    width: usize,
    height: usize,
    seeds: Vec<u64>,
    #[serde(flatten)]
    guidance: Guidance,
    negative_prompt: String,
    adapter: bool,
    zeros: bool,
}

fn cases() -> Vec<Case> {
    serde_json::from_slice(&std::fs::read(golden("images.json")).unwrap()).unwrap()
}

fn draw(model: &Model, case: &Case, seeds: &[u64], batch_size: usize, lora: &LoraSet) -> Vec<RgbImage> {
    let request = ImageRequest {
        prompt: "a photo of the red house",
        negative_prompt: &case.negative_prompt,
        seeds,
        width: case.width,
        height: case.height,
        sampling: Sampling::new(case.sampler.parse().unwrap(), case.steps),
        reading: PromptOptions::default(),
        guidance: case.guidance,
        batch_size,
    };
    generate(model, &request, lora, &mut |_, _| ControlFlow::Continue(())).unwrap()
}

#[test]
fn images_equal_diffusers() {
    let expected = tensors("images.safetensors");
    let mut model = model();
    let lora =
        file::load(&golden("adapter.safetensors"), &model.denoiser.adaptable_layers(Targets::default()), 1.0, device())
            .unwrap();
    let mut plain: BTreeMap<(String, u64), Vec<u8>> = BTreeMap::new();
    for (number, case) in cases().into_iter().enumerate() {
        model.prompts.rules.zeros_if_empty = case.zeros;
        let none = LoraSet::empty();
        let images = draw(&model, &case, &case.seeds, 2, if case.adapter { &lora } else { &none });
        for (seed, image) in case.seeds.iter().zip(images) {
            let expected = &expected[&format!("{number}.{seed}")];
            assert_eq!(expected.dims(), [case.height, case.width, 3]);
            let expected = expected.flatten_all().unwrap().to_vec1::<u8>().unwrap();
            let db = psnr(image.as_raw(), &expected);
            let Case { sampler, steps, adapter, zeros, .. } = &case;
            println!("{sampler:8} {steps} steps, adapter {adapter}, zeros {zeros}: {db:.1} dB");
            assert!(db >= 45.0, "{sampler}: {db:.1} dB");
            // The witness would notice a missing adapter, and an empty prompt that is not zeros.
            match plain.get(&(sampler.clone(), *seed)) {
                Some(other) => assert!(psnr(other, &expected) < 40.0, "{sampler}, adapter {adapter}, zeros {zeros}"),
                None => assert!(plain.insert((sampler.clone(), *seed), expected).is_none() && !adapter),
            }
        }
    }
}

#[test]
fn an_image_does_not_depend_on_its_neighbours() {
    if !device().is_cpu() {
        // Other devices' libraries may choose other products for another batch; see `at_once`.
        return;
    }
    let model = model();
    let case = Case { steps: 3, ..cases().remove(0) };
    let alone = draw(&model, &case, &[2], 1, &LoraSet::empty());
    let all = draw(&model, &case, &[1, 2, 3], 3, &LoraSet::empty());
    assert_eq!(alone[0], all[1]);
    assert_ne!(all[0], all[1]);
}
