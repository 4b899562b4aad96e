//! How prompts are read, against A1111's web UI 1.9.4 and diffusers 0.42.1; the numbers come from
//! `tests/golden/prompts/make.py`.

#![allow(clippy::print_stdout)] // the measured distances, with --nocapture

#[path = "common/psnr.rs"]
mod psnr;

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use psnr::psnr;
use runner::choice::{Guidance, PromptOptions, Sampler, Sampling, Sigmas, Spacing};
use runner::models::{LoraSet, Model, Parts};
use runner::pipeline::{ImageRequest, generate};
use runner::text::weighted;

#[derive(serde::Deserialize)]
struct Case {
    model: String,
    prompt: String,
    #[serde(flatten)]
    options: PromptOptions,
    ids: Vec<Vec<u32>>,
    mean_square: f64,
}

#[derive(serde::Deserialize)]
struct Drawn {
    model: String,
    name: String,
    prompt: String,
    negative_prompt: String,
    #[serde(flatten)]
    options: PromptOptions,
    sampler: Option<Sampler>,
    #[serde(default)]
    timestep_spacing: Spacing,
    #[serde(default)]
    sigmas: Sigmas,
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn json<T: serde::de::DeserializeOwned>(name: &str) -> T {
    serde_json::from_slice(&std::fs::read(golden("prompts").join(name)).unwrap()).unwrap()
}

fn tensors(name: &str) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(golden("prompts").join(name), &Device::Cpu).unwrap()
}

fn models() -> BTreeMap<String, Model> {
    let load = |name: &str| Parts::open(&golden("models").join(name)).unwrap().load(&Device::Cpu, DType::F32).unwrap();
    ["sd1", "sd2"].map(|name| (name.to_owned(), load(name))).into()
}

/// Every 12th token of a sample.
fn some_tokens(tokens: &Tensor) -> Vec<f32> {
    let rows = tokens.squeeze(0).unwrap().to_vec2::<f32>().unwrap();
    rows.into_iter().step_by(12).flatten().collect()
}

fn distance(got: &[f32], expected: &Tensor) -> f32 {
    let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(got.len(), expected.len());
    got.iter().zip(&expected).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()))
}

#[test]
fn weights_are_parsed_as_a1111_does() {
    let cases: Vec<(String, Vec<(String, f64)>)> = json("parts.json");
    for (prompt, expected) in &cases {
        let got: Vec<(String, f64)> =
            weighted::parts(prompt, true, true).into_iter().map(|part| (part.text, part.weight)).collect();
        assert_eq!(got, *expected, "{prompt:?}");
    }
    assert!(cases.len() > 40);
}

#[test]
fn chunks_and_states_are_those_of_a1111() {
    let (models, states) = (models(), tensors("states.safetensors"));
    let mut worst = 0f32;
    for (index, case) in json::<Vec<Case>>("cases.json").iter().enumerate() {
        let Case { model, prompt, options, ids, mean_square } = case;
        let model = &models[model];
        let reading = model.prompts.encoders[0].tokenizer.read(prompt, options);
        let got: Vec<&Vec<u32>> = reading.chunks.iter().map(|chunk| &chunk.ids).collect();
        assert_eq!(got, ids.iter().collect::<Vec<_>>(), "{prompt}");
        assert_eq!(reading.cut, None, "{prompt}");
        let tokens = model.prompts.encode(prompt, options, &LoraSet::empty(), &Device::Cpu).unwrap().tokens;
        assert_eq!(tokens.dims()[..2], [1, 77 * ids.len()]);
        let error = distance(&some_tokens(&tokens), &states[&index.to_string()]);
        let square = f64::from(tokens.sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap());
        assert!((square - mean_square).abs() <= 1e-5 * mean_square, "{prompt}: {square} instead of {mean_square}");
        assert!(error <= 2e-5, "{prompt}: {error:e}");
        worst = worst.max(error);
    }
    println!("states: {worst:.1e}");
}

#[test]
fn a_short_prompt_is_filled_up_with_empty_chunks() {
    let (models, states) = (models(), tensors("states.safetensors"));
    let options = PromptOptions { long_prompts: true, ..PromptOptions::default() };
    let drawn: Vec<Drawn> = json("images.json");
    for (name, model) in &models {
        let long = drawn.iter().find(|drawn| drawn.name == "long").unwrap();
        let pair = [long.prompt.as_str(), "a red house"];
        let both = model.prompts.encode_both(pair, &options, &LoraSet::empty(), &Device::Cpu).unwrap();
        for (which, conditioning) in ["long", "short"].iter().zip(&both) {
            let error = distance(&some_tokens(&conditioning.tokens), &states[&format!("{name} {which}")]);
            assert!(error <= 2e-5, "{name} {which}: {error:e}");
        }
        // The order does not matter.
        let swapped = model.prompts.encode_both([pair[1], pair[0]], &options, &LoraSet::empty(), &Device::Cpu).unwrap();
        for (a, b) in both.iter().zip(swapped.iter().rev()) {
            assert_eq!(some_tokens(&a.tokens), some_tokens(&b.tokens));
        }
    }
}

#[test]
fn options_without_anything_to_do_change_no_bit() {
    let models = models();
    let all = PromptOptions { long_prompts: true, prompt_weights: true, clip_skip: 0 };
    for (name, model) in &models {
        for prompt in ["", "a red house, blue sky: at night", "漫画 & <|endoftext|>"] {
            let plain = model
                .prompts
                .encode(prompt, &PromptOptions::default(), &LoraSet::empty(), &Device::Cpu)
                .unwrap()
                .tokens;
            let read = model.prompts.encode(prompt, &all, &LoraSet::empty(), &Device::Cpu).unwrap().tokens;
            assert_eq!(plain.flatten_all().unwrap().to_vec1::<f32>().unwrap(), {
                read.flatten_all().unwrap().to_vec1::<f32>().unwrap()
            });
            let both = model.prompts.encode_both([prompt, "blue"], &all, &LoraSet::empty(), &Device::Cpu).unwrap();
            assert_eq!(some_tokens(&both[0].tokens), some_tokens(&plain), "{name} {prompt}");
        }
    }
}

#[test]
fn what_is_cut_off_is_known_to_the_letter() {
    let model = &models()["sd1"];
    let tokenizer = &model.prompts.encoders[0].tokenizer;
    let long = vec!["red"; 75].join(" ") + " (house:1.3) trees";
    let plain = tokenizer.read(&long, &PromptOptions::default());
    assert_eq!(plain.lost(&long), Some("(house:1.3) trees"));
    let weights = PromptOptions { prompt_weights: true, ..PromptOptions::default() };
    let weighted = tokenizer.read(&long, &weights);
    assert_eq!(weighted.lost(&long), Some("house:1.3) trees"));
    let everything = PromptOptions { long_prompts: true, ..weights };
    assert_eq!(tokenizer.read(&long, &everything).lost(&long), None);
}

#[test]
fn layers_that_are_not_there_cannot_be_left_out() {
    let model = &models()["sd1"];
    for (clip_skip, works) in [(0, true), (1, true), (2, false), (100, false)] {
        let options = PromptOptions { clip_skip, ..PromptOptions::default() };
        assert_eq!(model.prompts.encode("a", &options, &LoraSet::empty(), &Device::Cpu).is_ok(), works, "{clip_skip}");
    }
}

#[test]
fn images_are_those_of_diffusers() {
    let (models, pictures) = (models(), tensors("images.safetensors"));
    for drawn in json::<Vec<Drawn>>("images.json") {
        let Drawn { model, name, prompt, negative_prompt, options, sampler, timestep_spacing, sigmas } = &drawn;
        let sampling = Sampling::new(sampler.unwrap_or(Sampler::Euler), 7);
        let request = |seeds, batch_size| ImageRequest {
            prompt,
            negative_prompt,
            seeds,
            width: 32,
            height: 24,
            sampling: Sampling { timestep_spacing: *timestep_spacing, sigmas: *sigmas, ..sampling },
            reading: *options,
            guidance: Guidance::new(5.0),
            batch_size,
        };
        let draw = |request: &ImageRequest<'_>| {
            generate(&models[model], request, &LoraSet::empty(), &mut |_, _| ControlFlow::Continue(())).unwrap()
        };
        let alone = draw(&request(&[3], 1));
        let expected = pictures[&format!("{model} {name}")].flatten_all().unwrap().to_vec1::<u8>().unwrap();
        let db = psnr(alone[0].as_raw(), &expected);
        println!("{model} {name}: {db:.1} dB");
        assert!(db >= 45.0, "{model} {name}: {db:.1} dB");
        assert_eq!(draw(&request(&[1, 3], 2))[1], alone[0], "{model} {name}: a batch is its single images");
    }
}
