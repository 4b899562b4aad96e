//! Adapters in both text encoders, trained through the UNet.

use runner::choice::Targets;
use runner::models::{Recompute, TrainedText};

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
