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
        let recipe = OptimizerRecipe { name, beta1, beta2, epsilon, weight_decay };
        let mut optimizer = Optimizer::new((&recipe).into());
        let mut worst = 0f32;
        for ((rate, gradient), expected) in self.rates.iter().zip(&self.gradients).zip(&self.weights) {
            let gradient = Tensor::new(gradient.as_slice(), &Device::Cpu).unwrap();
            let gradients = BTreeMap::from([("w".to_owned(), gradient)]);
            optimizer.step([("w".to_owned(), &variable)], &gradients, *rate).unwrap();
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
    let error = optimizer.step([("w".into(), &variable)], &BTreeMap::new(), 1e-3);
    assert!(error.unwrap_err().to_string().contains("w has no gradient"));
}

#[test]
fn a_restored_optimizer_goes_on_as_the_first_one() {
    for config in [OptimizerConfig::AdamW(AdamWConfig::default()), OptimizerConfig::Lion(LionConfig::default())] {
        let variable = Var::from_vec(vec![1f32, -2.0], 2, &Device::Cpu).unwrap();
        let gradient = |x: f32| BTreeMap::from([("w".to_owned(), Tensor::new(&[x, 0.5], &Device::Cpu).unwrap())]);
        let named = || [("w".to_owned(), &variable)];
        let mut first = Optimizer::new(config);
        assert!(first.state().is_empty());
        first.step(named(), &gradient(1.0), 0.1).unwrap();
        let (value, mut state) = (variable.as_tensor().copy().unwrap(), first.state());
        let mut take = |name: &str, _: &Var| state.remove(name).ok_or_else(|| format!("{name} is missing"));
        let mut second = first.restored(1, named(), &mut take).unwrap();
        assert!(first.restored(1, named(), &mut take).unwrap_err().ends_with(".w is missing"));
        first.step(named(), &gradient(-3.0), 0.1).unwrap();
        let expected = variable.to_vec1::<f32>().unwrap();
        variable.set(&value).unwrap();
        second.step(named(), &gradient(-3.0), 0.1).unwrap();
        assert_eq!(variable.to_vec1::<f32>().unwrap(), expected);
        assert_eq!(second.steps(), 2);
    }
}
