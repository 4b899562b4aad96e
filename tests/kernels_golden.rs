//! The values and gradients of every kernel, fast and reference, equal those of torch in f64
//! (`tests/golden/kernels/make.py`).

#[path = "common/device.rs"]
mod device;
#[path = "common/instructions.rs"]
mod instructions;

use std::collections::HashMap;

use candle_core::{Result, Tensor, Var};
use device::{device, tolerance};
use runner::kernels::{
    Activation, Conv2d, GroupNorm, LayerNorm, Linear, LoraPair, Padding, attention, conv2d, geglu, gelu_erf,
    group_norm, layer_norm, linear, lora_linear, quick_gelu, reference, silu, upsample_nearest_2x,
};

/// Twice the height and width.
fn doubled(x: &Tensor) -> Result<(usize, usize)> {
    Ok((2 * x.dim(1)?, 2 * x.dim(2)?))
}

struct Golden(HashMap<String, Tensor>);

impl Golden {
    fn load() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/kernels/kernels.safetensors");
        Self(candle_core::safetensors::load(path, device()).unwrap())
    }

    fn get(&self, case: &str, name: &str) -> Tensor {
        self.0[&format!("{case}.{name}")].clone()
    }

    /// Runs `function` on the case's `inputs` as variables and compares the value and every gradient.
    fn check(&self, case: &str, inputs: &[&str], function: impl Fn(&[Tensor]) -> Result<Tensor>) {
        let vars: Vec<Var> = inputs.iter().map(|n| Var::from_tensor(&self.get(case, n)).unwrap()).collect();
        let arguments: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
        let y = function(&arguments).unwrap();
        assert_close(case, "y", &y, &self.get(case, "y"));
        let grads = (&y * &self.get(case, "g")).unwrap().sum_all().unwrap().backward().unwrap();
        for (name, var) in inputs.iter().zip(&vars) {
            let grad = grads.get(var).unwrap_or_else(|| panic!("{case}: no gradient for {name}"));
            assert_close(case, &format!("d{name}"), grad, &self.get(case, &format!("d{name}")));
        }
        // The result must not depend on whether a gradient is wanted.
        let detached: Vec<Tensor> = arguments.iter().map(Tensor::detach).collect();
        assert_eq!(bits(&function(&detached).unwrap()), bits(&y), "{case}: differs without gradients");
    }
}

fn bits(x: &Tensor) -> Vec<u32> {
    x.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

/// Checks the largest difference relative to the largest expected number, or to 0.5 if that is larger: where the exact
/// gradient is 0, terms of that size cancel.
#[track_caller]
fn assert_close(case: &str, name: &str, ours: &Tensor, torch: &Tensor) {
    assert_eq!(ours.dims(), torch.dims(), "{case}.{name}");
    let read = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (ours, torch) = (read(ours), read(torch));
    let scale = torch.iter().fold(0.5f32, |a, b| a.max(b.abs()));
    let worst =
        ours.iter().zip(&torch).fold(0f32, |a, (x, y)| if x.is_nan() { f32::NAN } else { a.max((x - y).abs()) });
    assert!(worst / scale < tolerance(3e-6), "{case}.{name}: off by {worst:e} where the largest number is {scale:e}");
}

#[test]
fn slower_instructions_obey_the_same_laws() {
    instructions::repeat_with_slower_instructions();
}

#[test]
fn linear_equals_torch() {
    let g = Golden::load();
    let w = Linear::new(g.get("linear", "w"), Some(g.get("linear", "b"))).unwrap();
    g.check("linear", &["x"], |x| linear(&x[0], &w));
    g.check("linear", &["x"], |x| reference::linear(&x[0], &w));
}

#[test]
fn lora_linear_equals_torch() {
    let g = Golden::load();
    for (case, scale) in [("lora", 0.75), ("lora_dropout", 0.5)] {
        let w = Linear::new(g.get(case, "w"), Some(g.get(case, "c"))).unwrap();
        let dropout_mask = (case == "lora_dropout").then(|| g.get(case, "m"));
        let pair =
            |x: &[Tensor]| LoraPair { down: x[1].clone(), up: x[2].clone(), scale, dropout_mask: dropout_mask.clone() };
        g.check(case, &["x", "a", "b"], |x| lora_linear(&x[0], &w, &pair(x)));
        g.check(case, &["x", "a", "b"], |x| reference::lora_linear(&x[0], &w, &pair(x)));
    }
}

#[test]
fn conv2d_equals_torch() {
    let g = Golden::load();
    let asymmetric = Padding { bottom: 1, right: 1, ..Padding::same(0) };
    for (case, stride, padding) in [
        ("conv3", 1, Padding::same(1)),
        ("conv3_wide", 1, Padding::same(1)),
        ("conv3_stride2", 2, Padding::same(1)),
        ("conv3_asymmetric", 2, asymmetric),
        ("conv1", 1, Padding::same(0)),
    ] {
        let w = Conv2d::new(g.get(case, "w"), Some(g.get(case, "b")), stride, padding).unwrap();
        g.check(case, &["x"], |x| conv2d(&x[0], &w));
        g.check(case, &["x"], |x| reference::conv2d(&x[0], &w));
    }
}

#[test]
fn attention_equals_torch() {
    let g = Golden::load();
    for (case, heads, causal) in
        [("attention", 2, false), ("attention_causal", 3, true), ("attention_one_key", 1, false)]
    {
        g.check(case, &["q", "k", "v"], |x| attention(&x[0], &x[1], &x[2], heads, causal));
        g.check(case, &["q", "k", "v"], |x| reference::attention(&x[0], &x[1], &x[2], heads, causal));
    }
}

#[test]
fn norms_equal_torch() {
    let g = Golden::load();
    for (case, groups, eps, act) in
        [("group_norm", 4, 1e-5, Activation::None), ("group_norm_silu", 3, 1e-6, Activation::Silu)]
    {
        let n = GroupNorm::new(g.get(case, "w"), g.get(case, "b"), groups, eps).unwrap();
        g.check(case, &["x"], |x| group_norm(&x[0], &n, act));
        g.check(case, &["x"], |x| reference::group_norm(&x[0], &n, act));
    }
    let n = LayerNorm::new(g.get("layer_norm", "w"), g.get("layer_norm", "b"), 1e-5).unwrap();
    g.check("layer_norm", &["x"], |x| layer_norm(&x[0], &n));
    g.check("layer_norm", &["x"], |x| reference::layer_norm(&x[0], &n));
}

#[test]
fn activations_and_upsampling_equal_torch() {
    type Unary = fn(&Tensor) -> Result<Tensor>;
    let g = Golden::load();
    let twins: [(&str, Unary, Unary); 5] = [
        ("geglu", geglu, reference::geglu),
        ("silu", silu, reference::silu),
        ("gelu_erf", gelu_erf, reference::gelu_erf),
        ("quick_gelu", quick_gelu, reference::quick_gelu),
        ("upsample", |x| upsample_nearest_2x(x, doubled(x)?), |x| reference::upsample_nearest_2x(x, doubled(x)?)),
    ];
    for (case, fast, reference) in twins {
        g.check(case, &["x"], |x| fast(&x[0]));
        g.check(case, &["x"], |x| reference(&x[0]));
    }
}
