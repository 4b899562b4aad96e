//! Laws of the kernels on awkward shapes: the fast kernels equal the references, no bit depends on the number of
//! threads or on the batch around a sample, and frozen weights get no gradient.

#[path = "common/device.rs"]
mod device;
#[path = "common/instructions.rs"]
mod instructions;
#[path = "common/kernels.rs"]
mod kernels;

use candle_core::{DType, Tensor, Var};
use device::device;
use kernels::{Function, cases, numbers, run, scaled, vector};
use runner::kernels::{
    Activation, Conv2d, GroupNorm, Linear, LoraPair, Packing, Padding, attention, conv2d, geglu, group_norm,
    group_norm_by, group_statistics, linear, lora_linear, multiplies_bf16, reference,
};

fn bits(x: &Tensor) -> Vec<u32> {
    vector(x).into_iter().map(f32::to_bits).collect()
}

#[test]
fn slower_instructions_obey_the_same_laws() {
    instructions::repeat_with_slower_instructions();
}

/// The largest difference (infinite if a number is not finite), and the largest number of the reference, or 0.3.
fn apart(x: &Tensor, reference: &Tensor) -> (f32, f32) {
    let (x, reference) = (vector(x), vector(reference));
    let difference = |(a, b): (&f32, &f32)| if a.is_finite() { (a - b).abs() } else { f32::INFINITY };
    let worst = x.iter().zip(&reference).map(difference).fold(0., f32::max);
    (worst, reference.iter().fold(0.3f32, |a, b| a.max(b.abs())))
}

#[test]
fn fast_paths_equal_their_references() {
    for case in cases() {
        let (fast, reference) = (run(&case.fast, &case.inputs), run(&case.reference, &case.inputs));
        for (i, (fast, reference)) in fast.iter().zip(&reference).enumerate() {
            assert_eq!(fast.dims(), reference.dims(), "{}", case.name);
            let (worst, largest) = apart(fast, reference);
            let tolerance = if case.rounded { 3e-2 } else { device::tolerance(1e-5) };
            assert!(worst < tolerance * largest, "{}: result {i} is off by {worst:e} of {largest:e}", case.name);
        }
        // The result is the same if no gradient is wanted.
        let off = relative(&(case.fast)(&case.inputs).unwrap(), &fast[0]);
        assert!(off < 1e-6, "{}: without a gradient the result is off by {off:e}", case.name);
    }
}

/// This needs a GPU: on a CPU activations are f32, and candle has no products of bf16 or f16 there.
#[test]
fn half_precision_activations_on_a_gpu_give_nearly_the_results_of_f32() {
    if device::device().is_cpu() {
        return;
    }
    for (case, dtype) in cases().iter().flat_map(|case| [DType::BF16, DType::F16].map(|dtype| (case, dtype))) {
        let half = |x: &Tensor| x.to_dtype(dtype).unwrap();
        let mixed: Vec<Tensor> =
            case.inputs.iter().enumerate().map(|(i, x)| if i < case.batched { half(x) } else { x.clone() }).collect();
        let exact: Vec<Tensor> = mixed.iter().map(|x| x.to_dtype(DType::F32).unwrap()).collect();
        let (ours, exact) = (run(&case.fast, &mixed), run(&case.reference, &exact));
        for (i, (ours, exact)) in ours.iter().zip(&exact).enumerate() {
            let (worst, largest) = apart(&ours.to_dtype(DType::F32).unwrap(), exact);
            assert!(worst < 3e-2 * largest, "{}, {dtype:?}: result {i} is off by {worst:e} of {largest:e}", case.name);
        }
    }
}

/// ‖a − b‖ / ‖b‖.
fn relative(a: &Tensor, b: &Tensor) -> f32 {
    let norm = |x: &[f32]| x.iter().map(|x| x * x).sum::<f32>().sqrt();
    let (a, b) = (vector(a), vector(b));
    norm(&a.iter().zip(&b).map(|(a, b)| a - b).collect::<Vec<_>>()) / norm(&b)
}

#[test]
fn every_packing_of_a_convolution_gives_the_same_values_and_gradients() {
    for (size, channels, out) in [(13, 20, 37), (8, 64, 32), (5, 700, 700)] {
        let weight = scaled(&[out, channels, 3, 3], 1, channels * 9);
        let inputs = [numbers(&[2, size, size + 1, channels], 3)];
        let with = |weight: &Tensor, packing| {
            let layer = Conv2d::packed(weight.clone(), None, 1, Padding::same(1), packing).unwrap();
            run(&(Box::new(move |x: &[Tensor]| conv2d(&x[0], &layer)) as Function), &inputs)
        };
        // Transformed kernels are rounded to the weight's dtype once more: an error like that of the dtype itself.
        // If bf16 is multiplied without conversion, transformed pixels are rounded, too.
        let (small, fast) = if multiplies_bf16() { (4e-3, 6e-3) } else { (1e-6, 4e-3) };
        for (dtype, small, fast) in [(DType::F32, 1e-6, 3e-6), (DType::BF16, small, fast), (DType::F16, 1e-6, 5e-4)] {
            let weight = weight.to_dtype(dtype).unwrap();
            let exact = with(&weight.to_dtype(DType::F32).unwrap(), Packing::Small);
            for (packing, tolerance) in [(Packing::Small, small), (Packing::Fast, fast)] {
                for (mine, exact) in with(&weight, packing).iter().zip(&exact) {
                    let error = relative(mine, exact);
                    assert!(error < tolerance, "{channels} to {out}, {dtype:?}, {packing:?}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let threads: &[usize] = if cfg!(miri) { &[1, 2] } else { &[1, 2, 19] };
    let pools: Vec<rayon::ThreadPool> = threads
        .iter()
        .map(|&n| rayon::ThreadPoolBuilder::new().num_threads(n).stack_size(16 << 20).build().unwrap())
        .collect();
    for case in cases() {
        let results: Vec<Vec<Vec<u32>>> =
            pools.iter().map(|p| p.install(|| run(&case.fast, &case.inputs).iter().map(bits).collect())).collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{}", case.name);
    }
}

#[test]
fn an_image_does_not_depend_on_its_batch() {
    for case in cases() {
        let batch = case.inputs[0].dims()[0];
        let together = run(&case.fast, &case.inputs);
        for image in 0..batch {
            let one = |x: &Tensor| x.narrow(0, image, 1).unwrap().contiguous().unwrap();
            let inputs: Vec<Tensor> = case
                .inputs
                .iter()
                .enumerate()
                .map(|(i, x)| if i < case.batched { one(x) } else { x.clone() })
                .collect();
            let alone = run(&case.fast, &inputs);
            for i in 0..=case.batched {
                assert_eq!(bits(&one(&together[i])), bits(&alone[i]), "{}: image {image}, result {i}", case.name);
            }
        }
    }
}

#[test]
fn group_norm_by_its_own_statistics_is_group_norm() {
    let (x, other) = (numbers(&[3, 7, 5, 12], 1), numbers(&[3, 2, 9, 12], 2).affine(2., 0.5).unwrap());
    let n = GroupNorm::new(numbers(&[12], 3), numbers(&[12], 4), 4, 1e-6).unwrap();
    for act in [Activation::None, Activation::Silu] {
        let own = group_norm_by(&x, &n, act, &group_statistics(&x, &n).unwrap()).unwrap();
        assert_eq!(bits(&own), bits(&group_norm(&x, &n, act).unwrap()));
        let ours = group_norm_by(&x, &n, act, &group_statistics(&other, &n).unwrap()).unwrap();
        let by = reference::group_statistics(&other, &n).unwrap();
        assert!(relative(&ours, &reference::group_norm_by(&x, &n, act, by).unwrap()) < 1e-6);
        assert!(relative(&ours, &own) > 0.1, "other statistics made no difference");
    }
    let fewer = group_statistics(&other.narrow(0, 0, 2).unwrap(), &n).unwrap();
    assert!(group_norm_by(&x, &n, Activation::None, &fewer).is_err());
}

#[test]
fn only_variables_get_gradients() {
    for case in cases() {
        let vars: Vec<Var> = case.inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
        let tracked: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
        for (function, is_fast) in [(&case.fast, true), (&case.reference, false)] {
            let grads = function(&tracked).unwrap().sum_all().unwrap().backward().unwrap();
            let foreign = grads.get_ids().filter(|id| !vars.iter().any(|v| v.id() == **id)).count();
            // Four references use constants (a mask, a border of zeros) for which candle keeps a gradient.
            let constant =
                ["lora", "attention", "add to pixels", "trained conv"].iter().any(|name| case.name.starts_with(name));
            assert!(
                foreign == 0 || !is_fast && constant,
                "{} (fast: {is_fast}): {foreign} gradients of constants",
                case.name
            );
            assert_eq!(grads.get_ids().count() - foreign, vars.len(), "{}", case.name);
        }
        // Only tracked inputs get gradients: first the first input is constant and the others are variables, then the
        // other way round.
        for constant in 0..vars.len() {
            let mixed: Vec<Tensor> =
                tracked.iter().enumerate().map(|(i, x)| if i == constant { x.detach() } else { x.clone() }).collect();
            let grads = (case.fast)(&mixed).unwrap().sum_all().unwrap().backward().unwrap();
            let wanted = vars.len() - 1;
            let found = vars.iter().filter(|v| grads.get(v).is_some()).count();
            // If there is no variable, candle keeps the gradient of the result itself.
            assert!(found == wanted && (wanted == 0 || grads.get_ids().count() == wanted), "{}", case.name);
        }
    }
}

/// The gradients of a query and a key projection, which candle's own model loses, equal finite differences.
#[test]
fn gradients_pass_through_attention_to_query_and_key_projections() {
    let (tokens, channels, heads) = (10, 16, 2);
    let x = numbers(&[1, tokens, channels], 1);
    let layer = Linear::new(scaled(&[channels, channels], 2, channels), None).unwrap();
    let factors: Vec<Tensor> =
        (0..4).map(|i| scaled(&[[2, channels], [channels, 2]][i % 2], 10 + i as u64, 4)).collect();
    let loss = |factors: &[Tensor]| {
        let pair =
            |i: usize| LoraPair { down: factors[i].clone(), up: factors[i + 1].clone(), scale: 1., dropout_mask: None };
        let (q, k) = (lora_linear(&x, &layer, &pair(0)).unwrap(), lora_linear(&x, &layer, &pair(2)).unwrap());
        let y = attention(&q, &k, &x, heads, false).unwrap();
        (y * numbers(&[1, tokens, channels], 5)).unwrap().sum_all().unwrap()
    };
    let vars: Vec<Var> = factors.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tracked: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let grads = loss(&tracked).backward().unwrap();
    for (i, var) in vars.iter().enumerate() {
        let exact = vector(grads.get(var).expect("a gradient"));
        assert!(exact.iter().any(|g| g.abs() > 1e-3), "factor {i} has a vanishing gradient");
        for position in [0, 7, 20] {
            let moved = |by: f32| {
                let mut all = factors.clone();
                let mut numbers = vector(&all[i]);
                numbers[position] += by;
                all[i] = Tensor::from_vec(numbers, all[i].shape(), device()).unwrap();
                loss(&all).to_scalar::<f32>().unwrap()
            };
            let measured = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            let difference = (measured - exact[position]).abs();
            assert!(difference < 5e-3 * measured.abs().max(0.3), "factor {i}: {measured} and {}", exact[position]);
        }
    }
}

#[test]
fn wrong_shapes_are_errors() {
    let layer = Linear::new(numbers(&[4, 6], 1), None).unwrap();
    assert!(linear(&numbers(&[2, 5], 1), &layer).is_err());
    assert!(Linear::new(numbers(&[4, 6], 1), Some(numbers(&[6], 1))).is_err());
    let pair = LoraPair { down: numbers(&[2, 5], 1), up: numbers(&[4, 2], 1), scale: 1., dropout_mask: None };
    assert!(lora_linear(&numbers(&[2, 6], 1), &layer, &pair).is_err());
    assert!(linear(&numbers(&[2, 7], 1), &layer).is_err() && linear(&numbers(&[1, 7], 1), &layer).is_err());
    let conv = Conv2d::new(numbers(&[4, 3, 3, 3], 1), None, 1, Padding::same(0)).unwrap();
    assert!(conv2d(&numbers(&[1, 2, 2, 3], 1), &conv).is_err());
    assert!(conv2d(&numbers(&[1, 4, 4, 2], 1), &conv).is_err());
    assert!(GroupNorm::new(numbers(&[6], 1), numbers(&[6], 1), 4, 1e-5).is_err());
    let x = numbers(&[1, 3, 6], 1);
    assert!(attention(&x, &x, &x, 4, false).is_err());
    assert!(attention(&x, &numbers(&[1, 2, 6], 1), &numbers(&[1, 2, 6], 1), 2, true).is_err());
    assert!(geglu(&numbers(&[2, 5], 1)).is_err());
}
