//! Adapters in both text encoders, trained through the UNet.

use runner::choice::Targets;
use runner::models::{Recompute, TrainedText};
use runner::training::{Batch, Preserved, Prompt, TokenIds, Trainer, TrainingConfig};

use super::steps::{Step, away, config, follow};
use super::*;

const SIZES: [[f32; 6]; 2] = [[1333., 999., 0., 171., 16., 12.], [16., 12., 0., 0., 16., 12.]];

#[test]
fn gradients_of_both_text_encoders_equal_pefts() {
    let (model, golden) = (model(), tensors("values.safetensors"));
    let text = TrainedText::load(&model.prompts).unwrap();
    let layers = text.adaptable_layers(Targets::Attention);
    let adapter = Adapter::init(AdapterKind::Lora, &layers, 2, 4.0, 0, device()).unwrap();
    for (i, (name, variable)) in adapter.variables().enumerate() {
        let scale = if name.ends_with(".down") { 0.5 } else { 0.2 };
        variable.set(&there(&(randn(2000 + i as u64, variable.dims()) * scale).unwrap())).unwrap();
    }
    let ids = ["tokenizer.ids", "tokenizer_2.ids"].map(|name| golden[name].to_dtype(DType::U32).unwrap());
    let sizes = Tensor::from_slice(SIZES.as_flattened(), (2, 6), device()).unwrap();
    let (latents, target) = (there(&randn(5, &[2, 4, 8, 12])), there(&randn(7, &[2, 4, 8, 12])));
    for recompute in [Recompute::Nothing, Recompute::Blocks] {
        let denoise = |told: &Conditioning, rest: &LoraSet| {
            let loss = |prediction: &Tensor| (prediction - &target)?.sqr()?.mean_all();
            model.denoiser.loss_and_gradients(&latents, &[7.0, 981.0], told, rest, recompute, loss)
        };
        let result = text.loss_and_gradients(&ids, Some(&sizes), &adapter.tracked_set(), denoise).unwrap();
        close(&format!("{recompute:?} loss"), &result.loss, &golden["text.loss"], 1e-5);
        let ours = joined(result.gradients.values());
        close(&format!("{recompute:?} gradients of text encoders"), &ours, &golden["text.gradients"], 1e-4);
    }
    // With the adapter a prompt is another, and only the layers that count are trained.
    let (plain, adapted) =
        (text.encode(&ids, &LoraSet::empty()).unwrap(), text.encode(&ids, &adapter.tracked_set()).unwrap());
    for ((what, plain), (_, adapted)) in plain.tensors().into_iter().zip(adapted.tensors()) {
        assert!(error(adapted, plain) > 1e-2, "{what}");
    }
    close("tokens without an adapter", &plain.tokens, &golden["context"], 1e-5);
    assert!(layers.iter().all(|layer| !layer.name.starts_with("text_encoder.text_model.encoder.layers.2.")));
}

/// What `tests/golden/sdxl/make_text.py` recorded.
#[derive(serde::Deserialize)]
struct Training {
    steps: Vec<Step>,
    /// How far torch's own training in f32 is from the same in f64.
    f32: InF32,
}

#[derive(serde::Deserialize)]
struct InF32 {
    all: f64,
    worst: f64,
    tensor: String,
}

/// The batch of a step: two photos and two class images, as token ids.
fn batch(model: &Model, step: usize) -> Batch {
    let seed = 100_000 + 100 * step as u64;
    let shape = [4, 4, 6, 8];
    let rng = runner::sampling::noise::TorchRng::new;
    let (mut times, mut draws) = (rng(seed + 3), rng(seed + 5));
    let sizes: Vec<f32> = (0..24).map(|_| draws.below(1500) as f32).collect();
    let ids = model.prompts.encoders.iter().zip(0..).map(|(encoder, place)| {
        let mut rng = rng(seed + 6 + place);
        let vocabulary = encoder.network.get().unwrap().config().vocab_size as u32;
        Tensor::from_vec((0..28).map(|_| rng.below(vocabulary)).collect::<Vec<u32>>(), (4, 7), device()).unwrap()
    });
    let sizes = Some(Tensor::from_vec(sizes, (4, 6), device()).unwrap());
    Batch {
        latents: there(&(randn(seed, &shape) * 0.8).unwrap()),
        noise: there(&randn(seed + 1, &shape)),
        times: (0..4).map(|_| times.below(1000) as f32).collect(),
        conditioning: Prompt::Ids(TokenIds { ids: ids.collect(), sizes }),
        photos: 2,
        preserved: Preserved::Images,
        dropout_masks: BTreeMap::new(),
    }
}

#[test]
fn twenty_steps_with_both_text_encoders_follow_peft_transformers_and_torch() {
    let model = model();
    let Training { steps, f32 } =
        serde_json::from_slice(&std::fs::read(golden("text_training.json")).unwrap()).unwrap();
    let trained = &tensors("text_training.safetensors")["trained"];
    for recompute in [Recompute::Nothing, Recompute::Blocks] {
        let text = TrainedText::load(&model.prompts).unwrap();
        let mut layers = model.denoiser.adaptable_layers(Targets::Attention);
        layers.extend(text.adaptable_layers(Targets::Attention));
        let adapter = Adapter::init(AdapterKind::Lora, &layers, 2, 4.0, 0, device()).unwrap();
        for (i, (name, variable)) in adapter.variables().enumerate() {
            let scale = if name.ends_with(".down") { 0.5 } else { 0.1 };
            variable.set(&there(&(randn(3000 + i as u64, variable.dims()) * scale).unwrap())).unwrap();
        }
        let begin = joined(adapter.variables().map(|(_, variable)| variable.as_tensor())).copy().unwrap();
        let config = TrainingConfig { text_encoder_rate: Some(4e-4), ..config(recompute) };
        let mut trainer = Trainer::new(&model.denoiser, &model.process, config, adapter).unwrap().with_text(text);
        let (loss_error, norm_error) = follow(&mut trainer, &steps, |step| batch(&model, step));
        let (mut worst, mut first) = ((0f64, String::new()), 0);
        for (name, variable) in trainer.adapter().variables() {
            let count = variable.elem_count();
            let (golden, begin) = (trained.narrow(0, first, count).unwrap(), begin.narrow(0, first, count).unwrap());
            first += count;
            let ours = variable.flatten_all().unwrap();
            let far = away(&ours, &golden, &begin);
            if far > worst.0 {
                worst = (far, name);
            }
        }
        let ours = joined(trainer.adapter().variables().map(|(_, variable)| variable.as_tensor()));
        let far = away(&ours, trained, &begin);
        println!(
            "{recompute:?}: losses {loss_error:.1e}, norms {norm_error:.1e}, the weights' change {far:.1e}, at most \
             {:.1e} ({}); torch in f32 {:.1e}, at most {:.1e} ({})",
            worst.0, worst.1, f32.all, f32.worst, f32.tensor
        );
        let slack = if device().is_cpu() { 1. } else { 10. };
        assert!(loss_error < 1e-5 * slack && norm_error < 1e-4 * slack, "{loss_error} {norm_error}");
        assert!(far < 1e-3 * slack, "{far}");
    }
}
