//! Steps on given gradients, against torch and lion-pytorch.

#![allow(clippy::print_stdout)] // measured errors are worth reading

use super::*;
use candle_core::Device;

#[derive(serde::Deserialize)]
struct Case {
    beta1: f64,
    beta2: f64,
    epsilon: Option<f64>,
    weight_decay: f64,
    rates: Vec<f64>,
    start: Vec<f32>,
    gradients: Vec<Vec<f32>>,
    weights: Vec<Vec<f32>>,
}

impl Case {
    /// The largest relative error of a weight after any step.
    fn error(&self, name: choice::Optimizer) -> f32 {
        let Self { beta1, beta2, epsilon, weight_decay, .. } = *self;
        let variable = Var::from_vec(self.start.clone(), self.start.len(), &Device::Cpu).unwrap();
        let recipe = OptimizerRecipe { name, beta1, beta2, epsilon, weight_decay, lora_plus_ratio: None };
        let mut optimizer = Optimizer::new((&recipe).into());
        let mut worst = 0f32;
        for ((rate, gradient), expected) in self.rates.iter().zip(&self.gradients).zip(&self.weights) {
            let gradient = Tensor::new(gradient.as_slice(), &Device::Cpu).unwrap();
            let gradients = BTreeMap::from([("w".to_owned(), gradient)]);
            optimizer.step([("w".to_owned(), &variable)], &gradients, |_| *rate).unwrap();
            for (got, expected) in variable.to_vec1::<f32>().unwrap().iter().zip(expected) {
                worst = worst.max((got - expected).abs() / expected.abs().max(1e-3));
            }
        }
        worst
    }
}

fn worst(json: &str, name: choice::Optimizer) -> f32 {
    let cases: Vec<Case> = serde_json::from_str(json).unwrap();
    assert_eq!(cases.len(), 3);
    let worst = cases.iter().map(|case| case.error(name)).fold(0.0, f32::max);
    println!("{name}: {worst:.1e}");
    worst
}

#[test]
fn adamw_follows_torch_for_fifty_steps() {
    let worst = worst(include_str!("../../../tests/golden/training/adamw.json"), choice::Optimizer::AdamW);
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn lion_follows_lion_pytorch_for_twenty_steps() {
    let worst = worst(include_str!("../../../tests/golden/training/lion.json"), choice::Optimizer::Lion);
    assert!(worst < 1e-6, "{worst}");
}

#[test]
fn a_missing_gradient_is_an_error() {
    let variable = Var::from_vec(vec![1f32], 1, &Device::Cpu).unwrap();
    let mut optimizer = Optimizer::new(OptimizerConfig::AdamW(AdamWConfig::default()));
    let error = optimizer.step([("w".into(), &variable)], &BTreeMap::new(), |_| 1e-3);
    assert!(error.unwrap_err().to_string().contains("w has no gradient"));
}

#[test]
fn a_restored_optimizer_goes_on_as_the_first_one() {
    for config in [
        OptimizerConfig::AdamW(AdamWConfig::default()),
        OptimizerConfig::AdamW8bit(AdamWConfig::default()),
        OptimizerConfig::Lion(LionConfig::default()),
        OptimizerConfig::Prodigy(ProdigyConfig::default()),
    ] {
        let variable = Var::from_vec(vec![1f32, -2.0], 2, &Device::Cpu).unwrap();
        let gradient = |x: f32| BTreeMap::from([("w".to_owned(), Tensor::new(&[x, 0.5], &Device::Cpu).unwrap())]);
        let named = || [("w".to_owned(), &variable)];
        let mut first = Optimizer::new(config);
        assert!(first.state().is_empty());
        first.step(named(), &gradient(1.0), |_| 0.1).unwrap();
        let (value, mut state) = (variable.as_tensor().copy().unwrap(), first.state());
        let mut take = |name: &str, _: &Slot| state.remove(name).ok_or_else(|| format!("{name} is missing"));
        let mut second = first.restored(1, first.shared().to_vec(), named(), &mut take).unwrap();
        assert!(first.restored(1, first.shared().to_vec(), named(), &mut take).unwrap_err().ends_with(".w is missing"));
        first.step(named(), &gradient(-3.0), |_| 0.1).unwrap();
        let expected = variable.to_vec1::<f32>().unwrap();
        variable.set(&value).unwrap();
        second.step(named(), &gradient(-3.0), |_| 0.1).unwrap();
        assert_eq!(variable.to_vec1::<f32>().unwrap(), expected);
        assert_eq!(second.steps(), 2);
    }
}

/// The worst relative error of the last weights of a case of `make_joint_optimizers.py`, by variable; `at` is the
/// learning rate of a step.
fn joint(
    case: &str,
    config: OptimizerConfig,
    shapes: &[&[usize]],
    steps: usize,
    at: impl Fn(usize) -> f64,
) -> Vec<f64> {
    let randn = |seed: usize, shape: &[usize]| crate::sampling::noise::TorchRng::new(seed as u64).randn_tensor(shape);
    let file = include_bytes!("../../../tests/golden/training/joint_optimizers.safetensors");
    let golden = candle_core::safetensors::load_buffer(file, &Device::Cpu).unwrap();
    let variables: Vec<Var> =
        shapes.iter().enumerate().map(|(i, s)| Var::from_tensor(&randn(10 + i, s).unwrap()).unwrap()).collect();
    let last = variables.last().unwrap();
    last.set(&last.zeros_like().unwrap()).unwrap();
    let named = || variables.iter().enumerate().map(|(i, variable)| (i.to_string(), variable));
    let mut optimizer = Optimizer::new(config);
    for step in 0..steps {
        let gradient = |(i, variable): (usize, &Var)| -> Result<(String, Tensor)> {
            let noise = randn(1000 + 10 * step + i, variable.dims())?.affine(0.05, 0.0)?;
            Ok((i.to_string(), ((variable.as_tensor() - 3.0)?.sign()?.affine(0.1, 0.0)? + noise)?))
        };
        let gradients = variables.iter().enumerate().map(gradient).collect::<Result<_>>().unwrap();
        optimizer.step(named(), &gradients, |_| at(step)).unwrap();
    }
    let norm = |t: &Tensor| f64::from(t.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap()).sqrt();
    let error = |(i, variable): (usize, &Var)| {
        let expected = &golden[&format!("{case}.{i}")];
        norm(&(variable.as_tensor() - expected).unwrap()) / norm(expected)
    };
    let errors: Vec<f64> = variables.iter().enumerate().map(error).collect();
    println!("{case}: {errors:?}");
    errors
}

#[test]
fn prodigy_follows_prodigyopt_for_sixty_steps() {
    let shapes: [&[usize]; 3] = [&[3, 5], &[7], &[2, 4]];
    let plain = ProdigyConfig::default();
    let decay = ProdigyConfig { beta1: 0.8, beta2: 0.99, weight_decay: 0.1, ..plain };
    // The rate of the second one begins with 0, where nothing is learned.
    let rises = |step: usize| if step == 0 { 0.0 } else { 0.5 + 0.01 * (step - 1) as f64 };
    let errors = joint("prodigy", OptimizerConfig::Prodigy(plain), &shapes, 60, |_| 1.0);
    let with_decay = joint("prodigy_decay", OptimizerConfig::Prodigy(decay), &shapes, 60, rises);
    assert!(errors.iter().chain(&with_decay).all(|error| *error < 2e-5), "{errors:?} {with_decay:?}");
}

#[test]
fn adamw_in_eight_bits_follows_bitsandbytes_for_twenty_steps() {
    let shapes: [&[usize]; 2] = [&[65, 66], &[3, 5]];
    for (case, weight_decay) in [("adamw8bit", 0.01), ("adamw8bit_decay", 0.1)] {
        let config = AdamWConfig { weight_decay, ..AdamWConfig::default() };
        let errors = joint(case, OptimizerConfig::AdamW8bit(config), &shapes, 20, |_| 1e-2);
        // A number of the state that lies between two codes may fall to the other side.
        assert!(errors[0] < 3e-4 && errors[1] < 1e-6, "{errors:?}");
        // It is not the AdamW of 32 bits.
        let exact = joint(case, OptimizerConfig::AdamW(config), &shapes, 20, |_| 1e-2);
        assert!(exact[0] > 5.0 * errors[0], "{exact:?} {errors:?}");
    }
}
