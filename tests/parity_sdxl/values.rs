//! Token ids, conditions, predictions and gradients.

use runner::choice::PromptOptions;
use runner::models::{ImageSizes, Recompute};

use super::*;

const PROMPTS: [&str; 2] = ["a photo of the red house!", ""];
const SIZES: [[f32; 6]; 2] = [[1333., 999., 0., 171., 16., 12.], [16., 12., 0., 0., 16., 12.]];

#[test]
fn prompts_become_what_diffusers_makes_of_them() {
    let (model, golden) = (model(), tensors("values.safetensors"));
    for (encoder, name) in model.prompts.encoders.iter().zip(["tokenizer", "tokenizer_2"]) {
        let ids = golden[&format!("{name}.ids")].to_dtype(DType::U32).unwrap().to_vec2::<u32>().unwrap();
        assert_eq!(PROMPTS.map(|prompt| encoder.tokenizer.encode(prompt)).to_vec(), ids, "{name}");
    }
    assert_ne!(numbers(&golden["tokenizer.ids"]), numbers(&golden["tokenizer_2.ids"]), "they pad differently");
    let each = PROMPTS.map(|prompt| model.encode_prompt(prompt, &LoraSet::empty()).unwrap());
    let both = Conditioning::stack(&each).unwrap();
    close("tokens", &both.tokens, &golden["context"], 1e-5);
    close("pooled output", both.pooled.as_ref().unwrap(), &golden["pooled"], 1e-5);

    let negative_of = |prompt| {
        let options = PromptOptions::default();
        let [_, negative] =
            model.prompts.encode_both([PROMPTS[0], prompt], &options, &LoraSet::empty(), device()).unwrap();
        negative
    };
    let negative = negative_of("");
    assert_eq!(negative.shapes(), each[1].shapes());
    assert!(negative.tensors().iter().all(|(_, tensor)| numbers(tensor).iter().all(|x| *x == 0.0)));
    let said = negative_of(PROMPTS[0]);
    assert_eq!(numbers(&said.tokens), numbers(&each[0].tokens), "only an empty prompt becomes zeros");
}

#[test]
fn a_batch_of_prompts_is_the_prompts_one_by_one() {
    let model = model();
    for encoder in &model.prompts.encoders {
        let network = encoder.network.get().unwrap();
        let ids = |prompts: &[&str]| {
            let ids: Vec<Vec<u32>> = prompts.iter().map(|prompt| encoder.tokenizer.encode(prompt)).collect();
            Tensor::new(ids, device()).unwrap()
        };
        let all = network.hidden(&ids(&PROMPTS), 1, &LoraSet::empty()).unwrap();
        for (i, prompt) in PROMPTS.into_iter().enumerate() {
            let one = network.hidden(&ids(&[prompt]), 1, &LoraSet::empty()).unwrap();
            assert!(error(&one, &all.narrow(0, i, 1).unwrap()) < device::tolerance(1e-6));
        }
        let whole = network.hidden_and_pooled(&ids(&PROMPTS), 1, &LoraSet::empty());
        match network.config().pooled {
            None => assert!(whole.unwrap_err().to_string().contains("no projection")),
            Some(_) => {
                let (hidden, pooled) = whole.unwrap();
                assert_eq!(numbers(&hidden), numbers(&all));
                assert_eq!(numbers(&network.pooled(&ids(&PROMPTS)).unwrap()), numbers(&pooled));
            }
        }
        let layers = network.config().layers;
        assert!(network.hidden(&ids(&PROMPTS), layers - 1, &LoraSet::empty()).is_ok());
        let error = network.hidden(&ids(&PROMPTS), layers, &LoraSet::empty()).unwrap_err().to_string();
        assert!(error.contains(&format!("has {layers} layers")), "{error}");
    }
}

#[test]
fn predictions_and_gradients_equal_diffusers_and_peft() {
    let (model, golden) = (model(), tensors("values.safetensors"));
    let (context, pooled) = (&golden["context"], &golden["pooled"]);
    let told = conditions(context, pooled, &SIZES);
    let (latents, times) = (there(&randn(5, &[2, 4, 8, 12])), [7.0, 981.0]);
    let plain = model.denoiser.forward(&latents, &times, &told, &LoraSet::empty()).unwrap();
    close("prediction", &plain, &golden["prediction"], 1e-5);

    let narrow = |tensor: &Tensor| tensor.narrow(0, 1, 1).unwrap();
    let one = conditions(&narrow(context), &narrow(pooled), &SIZES[1..]);
    let odd = model.denoiser.forward(&there(&randn(6, &[1, 4, 7, 5])), &[500.0], &one, &LoraSet::empty()).unwrap();
    close("prediction of an odd size", &odd, &golden["odd.prediction"], 1e-5);

    let lora = adapter(&model, 0.2);
    let adapted = model.denoiser.forward(&latents, &times, &told, &lora.frozen_set(1.0).unwrap()).unwrap();
    close("prediction with an adapter", &adapted, &golden["adapted.prediction"], 1e-5);
    assert!(error(&adapted, &plain) > 1e-2, "the adapter changes nothing");
    let target = there(&randn(7, &[2, 4, 8, 12]));
    for recompute in [Recompute::Nothing, Recompute::Blocks] {
        let loss = |prediction: &Tensor| (prediction - &target)?.sqr()?.mean_all();
        let set = lora.tracked_set();
        let result = model.denoiser.loss_and_gradients(&latents, &times, &told, &set, recompute, loss).unwrap();
        close(&format!("{recompute:?} loss"), &result.loss, &golden["adapted.loss"], 1e-5);
        close(&format!("{recompute:?} gradients"), &joined(result.gradients.values()), &golden["gradients"], 1e-4);
    }
}

/// The sizes and the pooled output count, and a sample does not depend on those of others.
#[test]
fn each_sample_has_its_own_sizes() {
    let (model, golden) = (model(), tensors("values.safetensors"));
    let (latents, times) = (there(&randn(5, &[2, 4, 8, 12])), [7.0, 981.0]);
    let forward = |latents: &Tensor, times: &[f32], told: &Conditioning| {
        model.denoiser.forward(latents, times, told, &LoraSet::empty())
    };
    let (context, pooled) = (&golden["context"], &golden["pooled"]);
    let both = forward(&latents, &times, &conditions(context, pooled, &SIZES)).unwrap();
    for sample in 0..2 {
        let part = |tensor: &Tensor| tensor.narrow(0, sample, 1).unwrap();
        let told = conditions(&part(context), &part(pooled), &SIZES[sample..=sample]);
        let one = forward(&part(&latents), &times[sample..=sample], &told).unwrap();
        assert!(error(&one, &part(&both)) < device::tolerance(1e-6));
        for place in 0..6 {
            let mut sizes = SIZES[sample];
            sizes[place] += 100.0;
            let told = conditions(&part(context), &part(pooled), &[sizes]);
            let other = forward(&part(&latents), &times[sample..=sample], &told).unwrap();
            assert!(error(&other, &one) > 1e-4, "size {place} of sample {sample} changes nothing");
        }
    }
    let told = conditions(context, pooled, &SIZES);
    for wrong in [
        context.clone().into(),
        Conditioning { sizes: None, ..told.clone() },
        Conditioning { pooled: None, ..told.clone() },
        Conditioning { pooled: Some(pooled.narrow(1, 0, 9).unwrap()), ..told.clone() },
        Conditioning { pooled: Some(pooled.narrow(0, 0, 1).unwrap()), ..told.clone() },
        Conditioning { sizes: told.sizes.as_ref().map(|sizes| sizes.narrow(1, 0, 5).unwrap()), ..told.clone() },
    ] {
        let error = forward(&latents, &times, &wrong).unwrap_err().to_string();
        assert!(error.contains("pooled output"), "{error}");
    }
}

#[test]
fn an_image_that_is_drawn_has_its_own_size() {
    let model = model();
    let prompt = model.encode_prompt("a photo", &LoraSet::empty()).unwrap();
    let told = model.denoiser.conditions(&prompt, ImageSizes::drawn(24, 40)).unwrap();
    assert_eq!(numbers(told.sizes.as_ref().unwrap()), [24., 40., 0., 0., 24., 40.]);
}
