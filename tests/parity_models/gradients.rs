//! The gradients of an adapter.

use super::*;

/// The adapter of the golden file, trainable, in the order of names.
fn adapter(golden: &Golden) -> BTreeMap<String, (Var, Var)> {
    let names: Vec<&str> = golden.0.keys().filter_map(|k| k.strip_prefix("lora.")?.strip_suffix(".down")).collect();
    let var = |key: String| Var::from_tensor(golden.get(&key)).unwrap();
    names.iter().map(|n| (n.to_string(), (var(format!("lora.{n}.down")), var(format!("lora.{n}.up"))))).collect()
}

fn set(adapter: &BTreeMap<String, (Var, Var)>) -> LoraSet {
    let pair = |(down, up): &(Var, Var)| LoraPair {
        down: down.as_tensor().clone(),
        up: up.as_tensor().clone(),
        scale: 2.0,
        dropout_mask: None,
    };
    adapter.iter().map(|(name, vars)| (name.clone(), pair(vars))).collect()
}

/// The names of an adapter's variables, sorted.
fn variables(vars: &BTreeMap<String, (Var, Var)>) -> Vec<String> {
    vars.keys().flat_map(|layer| ["down", "up"].map(|part| format!("{layer}.{part}"))).collect()
}

fn gradients(name: &str) {
    let (model, golden) = load(name, DType::F32);
    let vars = adapter(&golden);
    let lora = set(&vars);
    assert_eq!(
        model.denoiser.adaptable_layers(Targets::Attention).iter().map(|m| &m.name).collect::<Vec<_>>(),
        vars.keys().collect::<Vec<_>>()
    );
    for module in model.denoiser.adaptable_layers(Targets::Attention) {
        let (down, up) = &vars[&module.name];
        assert_eq!((down.dims()[1], up.dims()[0]), (module.in_features, module.out_features));
    }

    let steps = golden.get("timesteps").to_vec1::<f32>().unwrap();
    let (latents, context) = (golden.get("latents"), &Conditioning::from(golden.get("context").clone()));
    let adapted = model.denoiser.forward(latents, &steps, context, &lora).unwrap();
    close(&format!("{name} prediction with adapter"), &adapted, golden.get("lora.prediction"), 1e-5);
    assert!(error(&adapted, golden.get("prediction")) > 1e-2, "the adapter changes nothing");

    for recompute in [Recompute::Nothing, Recompute::Blocks] {
        let loss = |p: &Tensor| (p - golden.get("target"))?.sqr()?.mean_all();
        let result = model.denoiser.loss_and_gradients(latents, &steps, context, &lora, recompute, loss).unwrap();
        close(&format!("{name} {recompute:?} loss"), &result.loss, golden.get("lora.loss"), 1e-5);
        assert_eq!(result.gradients.keys().cloned().collect::<Vec<_>>(), variables(&vars));
        let mut worst = 0f32;
        for (variable, ours) in &result.gradients {
            let error = error(ours, golden.get(&format!("grad.{variable}")));
            assert!(numbers(ours).iter().all(|g| *g != 0.0), "{variable} has a zero gradient");
            assert!(error <= 1e-3, "{name} {recompute:?} {variable}: error {error:e}");
            worst = worst.max(error);
        }
        println!("{name} {recompute:?} worst of {} gradients: {worst:.1e}", 2 * vars.len());
    }
}

#[test]
fn sd1_gradients_equal_pefts() {
    gradients("sd1");
}

#[test]
fn sd2_gradients_equal_pefts() {
    gradients("sd2");
}

/// On a CPU the base model is stored so; on a GPU activations and their gradients are rounded, too.
#[test]
fn half_precision_gradients_are_close() {
    let storages = [DType::BF16, DType::F16].map(Storage::from);
    let int8 = Storage { dense: Dense::Int8, ..DType::BF16.into() };
    for (name, storage) in storages.into_iter().chain([int8]).flat_map(|s| [("sd1", s), ("sd2", s)]) {
        let (dtype, dense) = (storage.dtype, storage.dense);
        let (model, golden) = load(name, storage);
        let vars = adapter(&golden);
        let steps = golden.get("timesteps").to_vec1::<f32>().unwrap();
        for recompute in [Recompute::Nothing, Recompute::Blocks] {
            let loss = |p: &Tensor| (p.to_dtype(DType::F32)? - golden.get("target"))?.sqr()?.mean_all();
            let inputs = (golden.get("latents"), &Conditioning::from(golden.get("context").clone()));
            let result =
                model.denoiser.loss_and_gradients(inputs.0, &steps, inputs.1, &set(&vars), recompute, loss).unwrap();
            let (mut difference, mut all) = (0., 0.);
            for (variable, ours) in &result.gradients {
                let reference = numbers(golden.get(&format!("grad.{variable}")));
                all += reference.iter().map(|g| g * g).sum::<f32>();
                difference += numbers(ours).iter().zip(&reference).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
            }
            let error = (difference / all).sqrt();
            println!("{name} {dtype:?} {dense:?} {recompute:?} gradients: {error:.1e}");
            // The tiny models' weights are random: rounding grows from layer to layer.
            let cpu = match (dtype, dense) {
                (DType::BF16, Dense::Int8) => 0.03,
                (DType::BF16, Dense::AsOthers) => 0.02,
                _ => 1e-3,
            };
            assert!(error < if device().is_cpu() { cpu } else { 0.2 }, "{name} {dtype:?} {recompute:?}: {error:e}");
        }
    }
}

/// An adapter on a few late modules only: what lies before them needs no gradient.
#[test]
fn recomputing_works_for_part_of_the_modules() {
    let (model, golden) = load("sd2", DType::F32);
    let mut vars = adapter(&golden);
    vars.retain(|name, _| name.starts_with("up_blocks.2") || name.contains("mid_block"));
    let lora = set(&vars);
    let steps = golden.get("timesteps").to_vec1::<f32>().unwrap();
    let run = |recompute| {
        let loss = |p: &Tensor| (p - golden.get("target"))?.sqr()?.mean_all();
        let inputs = (golden.get("latents"), &Conditioning::from(golden.get("context").clone()));
        model.denoiser.loss_and_gradients(inputs.0, &steps, inputs.1, &lora, recompute, loss).unwrap().gradients
    };
    let (plain, again) = (run(Recompute::Nothing), run(Recompute::Blocks));
    assert_eq!(plain.keys().cloned().collect::<Vec<_>>(), variables(&vars));
    for (name, gradient) in &plain {
        assert!(error(&again[name], gradient) < 1e-5, "{name}");
    }
}

#[test]
fn an_adapter_that_cannot_learn_is_an_error() {
    let (model, golden) = load("sd1", DType::F32);
    let steps = golden.get("timesteps").to_vec1::<f32>().unwrap();
    let vars = adapter(&golden);
    let (first, pair) = vars.first_key_value().unwrap();
    let frozen: LoraSet = set(&vars)
        .iter()
        .map(|(n, delta)| {
            let mut delta = delta.clone();
            if n == first {
                let down = delta.tensors["down"].detach();
                delta.tensors.insert("down", down);
            }
            (n.to_owned(), delta)
        })
        .collect();
    let stranger = set(&BTreeMap::from([("down_blocks.9.attn1.to_q".to_owned(), pair.clone())]));
    for (lora, name) in [(frozen, first.as_str()), (stranger, "down_blocks.9.attn1.to_q")] {
        for recompute in [Recompute::Nothing, Recompute::Blocks] {
            let inputs = (golden.get("latents"), &Conditioning::from(golden.get("context").clone()));
            let error = model
                .denoiser
                .loss_and_gradients(inputs.0, &steps, inputs.1, &lora, recompute, |p| p.sqr()?.mean_all())
                .unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
