//! Laws of the kernels on awkward shapes: the fast path equals the reference, the number of threads and the
//! batch around a sample change no bit, frozen weights get no gradient.

#[path = "common/instructions.rs"]
mod instructions;

use candle_core::{DType, Device, Result, Tensor, Var};
use runner::kernels::{
    Activation, Conv2d, GroupNorm, LayerNorm, Linear, LoraPair, Packing, Padding, add, add_to_pixels, attention,
    attention_in, concatenate, conv2d, geglu, gelu_erf, group_norm, group_norm_by, group_statistics, layer_norm,
    linear, lora_linear, multiplies_bf16, quick_gelu, record, reference, silu, upsample_nearest_2x,
};

/// An activation function.
type Pointwise = fn(&Tensor) -> Result<Tensor>;

type Function = Box<dyn Fn(&[Tensor]) -> Result<Tensor> + Send + Sync>;

/// One kernel on one shape.
struct Case {
    name: String,
    inputs: Vec<Tensor>,
    /// How many of the inputs have a batch dimension; the others are LoRA factors.
    batched: usize,
    /// bf16 weights or products: a CPU with instructions for it rounds activations, too.
    rounded: bool,
    fast: Function,
    reference: Function,
}

/// Repeatable numbers in about -1.7..1.7 with standard deviation 1.
fn numbers(shape: &[usize], seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.) * 1.732
    };
    let count: usize = shape.iter().product();
    Tensor::from_vec((0..count).map(|_| next()).collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
}

fn scaled(shape: &[usize], seed: u64, fan_in: usize) -> Tensor {
    (numbers(shape, seed) / (fan_in as f64).sqrt()).unwrap()
}

fn case(
    name: String,
    inputs: Vec<Tensor>,
    batched: usize,
    fast: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
    reference: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
) -> Case {
    Case { name, inputs, batched, rounded: false, fast: Box::new(fast), reference: Box::new(reference) }
}

impl Case {
    fn rounded(self, dtype: DType) -> Self {
        Self { rounded: dtype == DType::BF16 && multiplies_bf16(), ..self }
    }
}

fn products(cases: &mut Vec<Case>) {
    for (batch, tokens, columns, out, rank, dtype) in [
        (1, 1, 1, 1, 1, DType::F32),
        (3, 77, 40, 24, 4, DType::F32),
        (3, 256, 64, 512, 3, DType::F32),
        (1, 7, 770, 33, 16, DType::F32),
        (3, 50, 129, 65, 13, DType::BF16),
        (3, 33, 96, 100, 8, DType::F16),
    ] {
        let weight = scaled(&[out, columns], 1, columns).to_dtype(dtype).unwrap();
        let bias = (dtype == DType::F32).then(|| numbers(&[out], 2));
        let layer = Linear::new(weight, bias).unwrap();
        let x = numbers(&[batch, tokens, columns], 3);
        let name = format!("{batch}×{tokens}×{columns} to {out}, {dtype:?}");
        let twin = layer.clone();
        let one = case(
            format!("linear {name}"),
            vec![x.clone()],
            1,
            move |x| linear(&x[0], &layer),
            move |x| reference::linear(&x[0], &twin),
        );
        cases.push(one.rounded(dtype));
        for dropout in [false, true] {
            let weight = scaled(&[out, columns], 1, columns).to_dtype(dtype).unwrap();
            let layer = Linear::new(weight, None).unwrap();
            let inputs = vec![x.clone(), scaled(&[rank, columns], 4, columns), scaled(&[out, rank], 5, rank)];
            let mask = dropout.then(|| (numbers(&[batch, tokens, columns], 6).ge(-0.8).unwrap(), 1.37));
            let mask = mask.map(|(keep, by)| (keep.to_dtype(DType::F32).unwrap() * by).unwrap());
            let pair = move |x: &[Tensor]| -> Result<LoraPair> {
                // The mask of one image when only one is given; all images share it otherwise.
                let dropout_mask = match &mask {
                    Some(mask) => Some(mask.narrow(0, 0, 1)?.broadcast_as(x[0].shape())?.contiguous()?),
                    None => None,
                };
                Ok(LoraPair { down: x[1].clone(), up: x[2].clone(), scale: 0.7, dropout_mask })
            };
            let (twin_pair, twin) = (pair.clone(), layer.clone());
            let one = case(
                format!("lora {name}, rank {rank}, dropout {dropout}"),
                inputs,
                1,
                move |x| lora_linear(&x[0], &layer, &pair(x)?),
                move |x| reference::lora_linear(&x[0], &twin, &twin_pair(x)?),
            );
            cases.push(one.rounded(dtype));
        }
    }
}

fn convolutions(cases: &mut Vec<Case>) {
    let asymmetric = Padding { bottom: 1, right: 1, ..Padding::same(0) };
    for (batch, height, width, channels, out, kernel, stride, padding, dtype) in [
        (1, 1, 1, 1, 1, 1, 1, Padding::same(0), DType::F32),
        (3, 16, 16, 64, 64, 3, 1, Padding::same(1), DType::F32),
        (3, 13, 10, 20, 37, 3, 1, Padding::same(1), DType::F32),
        (1, 6, 7, 33, 16, 3, 1, Padding::same(0), DType::F32),
        (2, 4, 5, 17, 18, 3, 1, Padding { top: 2, left: 0, bottom: 1, right: 2 }, DType::F32),
        (1, 3, 4, 700, 700, 3, 1, Padding::same(1), DType::F32),
        (3, 9, 7, 5, 19, 3, 1, Padding::same(1), DType::F32),
        (1, 5, 6, 130, 7, 3, 1, Padding::same(1), DType::BF16),
        (3, 9, 7, 33, 47, 3, 1, Padding::same(1), DType::BF16),
        (3, 9, 7, 64, 96, 3, 2, Padding::same(1), DType::BF16),
        (1, 7, 7, 15, 21, 3, 2, Padding::same(1), DType::BF16),
        (3, 2, 2, 400, 24, 3, 1, Padding::same(1), DType::F32),
        (3, 1, 2, 33, 48, 3, 1, Padding::same(1), DType::F32),
        (3, 8, 8, 32, 48, 3, 2, Padding::same(1), DType::F32),
        (1, 9, 6, 12, 20, 3, 2, asymmetric, DType::F32),
        (3, 7, 7, 12, 20, 3, 2, Padding::same(0), DType::F16),
        (3, 5, 5, 20, 36, 1, 1, Padding::same(0), DType::F32),
        (1, 6, 6, 4, 8, 1, 2, Padding::same(0), DType::F32),
        (1, 8, 8, 4, 6, 4, 4, Padding::same(0), DType::F32),
        (3, 12, 9, 48, 40, 3, 1, Padding::same(1), DType::F32),
        (3, 28, 30, 24, 20, 3, 1, Padding::same(1), DType::F32),
        (1, 4, 4, 800, 32, 3, 1, Padding::same(1), DType::BF16),
    ] {
        let weight = scaled(&[out, channels, kernel, kernel], 1, channels * kernel * kernel).to_dtype(dtype).unwrap();
        let layer = Conv2d::new(weight, Some(numbers(&[out], 2)), stride, padding).unwrap();
        let twin = layer.clone();
        let one = case(
            format!("conv {batch}×{height}×{width}×{channels} to {out}, kernel {kernel}, stride {stride}, {dtype:?}"),
            vec![numbers(&[batch, height, width, channels], 3)],
            1,
            move |x| conv2d(&x[0], &layer),
            move |x| reference::conv2d(&x[0], &twin),
        );
        // Kernels transformed for Winograd's filtering are rounded to their dtype once more, on every processor.
        let transformed = dtype != DType::F32 && kernel == 3 && stride == 1 && channels.min(out) >= 16;
        cases.push(if transformed { Case { rounded: true, ..one } } else { one.rounded(dtype) });
    }
}

fn attentions(cases: &mut Vec<Case>) {
    for (batch, queries, keys, heads, dim, causal) in [
        (1, 1, 1, 1, 1, false),
        (1, 3, 3, 1, 3, true),
        (1, 5, 3, 1, 5, false),
        (3, 5, 1, 2, 16, false),
        (3, 64, 77, 2, 40, false),
        (1, 300, 77, 3, 20, false),
        (3, 77, 77, 4, 16, true),
        (1, 200, 200, 1, 33, true),
        (1, 300, 300, 2, 20, true),
        (3, 130, 259, 2, 32, false),
        (1, 49, 128, 1, 160, false),
    ] {
        let inputs = vec![
            numbers(&[batch, queries, heads * dim], 1),
            numbers(&[batch, keys, heads * dim], 2),
            numbers(&[batch, keys, heads * dim], 3),
        ];
        for products in [DType::F32, DType::BF16] {
            let one = case(
                format!("attention {batch}×{queries}×{keys}, {heads} heads of {dim}, causal {causal}, {products:?}"),
                inputs.clone(),
                3,
                move |x| attention_in(products, &x[0], &x[1], &x[2], heads, causal),
                move |x| reference::attention(&x[0], &x[1], &x[2], heads, causal),
            );
            cases.push(one.rounded(products));
        }
    }
}

fn norms_and_activations(cases: &mut Vec<Case>) {
    for (batch, height, width, channels, groups) in
        [(1, 1, 1, 2, 1), (3, 5, 7, 12, 4), (3, 19, 31, 40, 8), (1, 4, 4, 33, 33)]
    {
        for act in [Activation::None, Activation::Silu] {
            let norm = GroupNorm::new(numbers(&[channels], 1), numbers(&[channels], 2), groups, 1e-5).unwrap();
            let twin = norm.clone();
            cases.push(case(
                format!("group norm {batch}×{height}×{width}×{channels} in {groups}, {act:?}"),
                vec![numbers(&[batch, height, width, channels], 3).affine(3., 5.).unwrap()],
                1,
                move |x| group_norm(&x[0], &norm, act),
                move |x| reference::group_norm(&x[0], &twin, act),
            ));
        }
        let norm = LayerNorm::new(numbers(&[channels], 1), numbers(&[channels], 2), 1e-5).unwrap();
        let twin = norm.clone();
        let x = numbers(&[batch, height * width, channels], 4);
        cases.push(case(
            format!("layer norm {batch}×{}×{channels}", height * width),
            vec![x.clone()],
            1,
            move |x| layer_norm(&x[0], &norm),
            move |x| reference::layer_norm(&x[0], &twin),
        ));
        let twins: [(&str, Pointwise, Pointwise); 3] = [
            ("silu", silu, reference::silu),
            ("gelu", gelu_erf, reference::gelu_erf),
            ("quick gelu", quick_gelu, reference::quick_gelu),
        ];
        for (name, fast, reference) in twins {
            let x = vec![(&x * 4.).unwrap()];
            cases.push(case(
                format!("{name} of {}", x[0].elem_count()),
                x,
                1,
                move |x| fast(&x[0]),
                move |x| reference(&x[0]),
            ));
        }
        let x = vec![numbers(&[batch, height * width, 2 * channels], 5)];
        cases.push(case(format!("geglu to {channels}"), x, 1, |x| geglu(&x[0]), |x| reference::geglu(&x[0])));
        for cut in [0, 1] {
            let (x, to) = (vec![numbers(&[batch, height, width, channels], 6)], (2 * height - cut, 2 * width - cut));
            let twin = move |x: &[Tensor]| reference::upsample_nearest_2x(&x[0], to);
            cases.push(case(format!("upsample to {to:?}"), x, 1, move |x| upsample_nearest_2x(&x[0], to), twin));
        }
    }
}

fn joins(cases: &mut Vec<Case>) {
    for (batch, height, width, channels, others) in [(1, 1, 1, 1, 1), (3, 5, 7, 12, 40), (3, 31, 64, 33, 7)] {
        let name = format!("{batch}×{height}×{width}×{channels}");
        let map = |channels, seed| numbers(&[batch, height, width, channels], seed);
        let (x, y) = (map(channels, 1), map(others, 2));
        let same = vec![x.clone(), map(channels, 3)];
        cases.push(case(format!("add {name}"), same, 2, |x| add(&x[0], &x[1]), |x| reference::add(&x[0], &x[1])));
        let (both, fast, twin) = (vec![x.clone(), y], |x: &[Tensor]| concatenate(&x[0], &x[1]), reference::concatenate);
        cases.push(case(format!("concatenate {name} and {others}"), both, 2, fast, move |x| twin(&x[0], &x[1])));
        // Of each image its own first pixel.
        let of = |x: &Tensor| x.detach().narrow(1, 0, 1)?.narrow(2, 0, 1)?.reshape((x.dims()[0], x.dims()[3]));
        cases.push(case(
            format!("add to pixels {name}"),
            vec![x],
            1,
            move |x| add_to_pixels(&x[0], &of(&x[0])?),
            move |x| reference::add_to_pixels(&x[0], &of(&x[0])?),
        ));
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    products(&mut cases);
    convolutions(&mut cases);
    attentions(&mut cases);
    norms_and_activations(&mut cases);
    joins(&mut cases);
    cases
}

/// The value and the gradient of every input, for a fixed gradient of the result.
fn run(function: &Function, inputs: &[Tensor]) -> Vec<Tensor> {
    let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tracked: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let y = function(&tracked).unwrap();
    // The same gradient for every image.
    let image = numbers(&y.dims()[1..], 9).unsqueeze(0).unwrap().broadcast_as(y.shape()).unwrap();
    let grads = (&y * image).unwrap().sum_all().unwrap().backward().unwrap();
    let mut all = vec![y];
    all.extend(vars.iter().map(|v| grads.get(v).expect("a gradient for every input").clone()));
    all
}

fn vector(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

fn bits(x: &Tensor) -> Vec<u32> {
    vector(x).into_iter().map(f32::to_bits).collect()
}

#[test]
fn slower_instructions_obey_the_same_laws() {
    instructions::repeat_with_slower_instructions();
}

#[test]
fn fast_paths_equal_their_references() {
    for case in cases() {
        let (fast, reference) = (run(&case.fast, &case.inputs), run(&case.reference, &case.inputs));
        for (i, (fast, reference)) in fast.iter().zip(&reference).enumerate() {
            assert_eq!(fast.dims(), reference.dims(), "{}", case.name);
            let (fast, reference) = (vector(fast), vector(reference));
            let largest = reference.iter().fold(0.3f32, |a, b| a.max(b.abs()));
            let worst = fast.iter().zip(&reference).map(|(a, b)| (a - b).abs()).fold(0., f32::max);
            let tolerance = if case.rounded { 3e-2 } else { 1e-5 };
            let ok = fast.iter().all(|x| x.is_finite()) && worst < tolerance * largest;
            assert!(ok, "{}: result {i} is off by {worst:e} of {largest:e}", case.name);
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
        // Where bf16 is multiplied as it is, transformed pixels are rounded, too.
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
    let pools: Vec<rayon::ThreadPool> = [1, 2, 19]
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
            // Three references use a constant, a mask or what is added to pixels, that candle keeps a gradient for.
            let constant = ["lora", "attention", "add to pixels"].iter().any(|name| case.name.starts_with(name));
            assert!(foreign == 0 || !is_fast && constant, "{}: {foreign} gradients of constants", case.name);
            assert_eq!(grads.get_ids().count() - foreign, vars.len(), "{}", case.name);
        }
        // Only what is tracked: the first input constant, the others variables, and the other way round.
        for constant in 0..vars.len() {
            let mixed: Vec<Tensor> =
                tracked.iter().enumerate().map(|(i, x)| if i == constant { x.detach() } else { x.clone() }).collect();
            let grads = (case.fast)(&mixed).unwrap().sum_all().unwrap().backward().unwrap();
            let wanted = vars.len() - 1;
            let found = vars.iter().filter(|v| grads.get(v).is_some()).count();
            // Without any variable candle keeps the gradient of the result itself.
            assert!(found == wanted && (wanted == 0 || grads.get_ids().count() == wanted), "{}", case.name);
        }
    }
}

/// The value and the gradient of every input but the `constant`th as [`run`] gives them, by a recording.
fn recorded(function: &Function, inputs: &[Tensor], constant: Option<usize>) -> Vec<Option<Tensor>> {
    let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tracked: Vec<Tensor> = vars
        .iter()
        .enumerate()
        .map(|(i, v)| if Some(i) == constant { v.detach() } else { v.as_tensor().clone() })
        .collect();
    // Used twice, so that its gradient is a sum.
    let (y, recording) = record(|| add(&function(&tracked)?, &function(&tracked)?)).unwrap();
    assert!(y.is_variable(), "a recorded result carries no graph");
    let image = numbers(&y.dims()[1..], 9).unsqueeze(0).unwrap().broadcast_as(y.shape()).unwrap();
    let mut gradients = recording.backward(&(&y * image).unwrap().sum_all().unwrap()).unwrap();
    let mut all = vec![Some(y.detach())];
    all.extend(vars.iter().map(|v| gradients.remove(v)));
    assert!(gradients.remove(&vars[0]).is_none());
    // Both were counted twice, which is exact.
    all.into_iter().map(|x| Some((x? / 2.).unwrap())).collect()
}

#[test]
fn a_recording_gives_the_gradients_of_the_graph() {
    for case in cases() {
        let graph = run(&case.fast, &case.inputs);
        let constants = (0..case.inputs.len()).filter(|_| case.inputs.len() > 1).map(Some);
        for constant in std::iter::once(None).chain(constants) {
            let recorded = recorded(&case.fast, &case.inputs, constant);
            for (i, (graph, recorded)) in graph.iter().zip(&recorded).enumerate() {
                let name = format!("{}: result {i}, constant {constant:?}", case.name);
                let Some(recorded) = recorded else {
                    assert_eq!(constant.map(|c| c + 1), Some(i), "{name}");
                    continue;
                };
                assert_eq!(graph.dims(), recorded.dims(), "{name}");
                // -0 is 0 here: the graph adds every gradient to zeros.
                assert_eq!(vector(graph), vector(recorded), "{name}");
            }
        }
    }
}

#[test]
fn what_a_recording_would_lose_is_an_error() {
    let x = Var::from_tensor(&numbers(&[2, 3, 4], 1)).unwrap();
    let error = record(|| silu(&silu(&x)?.affine(2., 0.)?)).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("not recorded"), "{error}");
    // What is not tracked passes, and nothing stays behind after an error.
    let (y, recording) = record(|| silu(&silu(&x.detach())?.affine(2., 0.)?)).unwrap();
    assert!(!y.track_op());
    let loss = silu(&x.affine(2., 0.).unwrap()).unwrap().sum_all().unwrap();
    assert!(recording.backward(&loss).unwrap().remove(&x).is_some());
    let nested = record(|| silu(&record(|| silu(&x))?.0)).map(|_| ()).unwrap_err().to_string();
    assert!(nested.contains("within a recording"), "{nested}");
}

/// From the gradient of a result, whether a kernel or candle computed it last.
#[test]
fn a_recording_goes_on_from_a_gradient() {
    let x = Var::from_tensor(&numbers(&[2, 3, 4], 1)).unwrap();
    let gradient = numbers(&[2, 3, 4], 2);
    for after in [1., 2.] {
        let work = || if after == 1. { silu(&x) } else { silu(&x)?.affine(after, 0.) };
        let (y, recording) = record(work).unwrap();
        let by_gradient = recording.backward_from(&y, &gradient).unwrap().remove(&x).unwrap();
        let loss = (work().unwrap() * &gradient).unwrap().sum_all().unwrap();
        assert_eq!(vector(&by_gradient), vector(loss.backward().unwrap().get(&x).unwrap()));
    }
}

/// Gradients towards a query and a key projection, the ones candle's own model loses, by finite differences.
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
                all[i] = Tensor::from_vec(numbers, all[i].shape(), &Device::Cpu).unwrap();
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
    let conv = Conv2d::new(numbers(&[4, 3, 3, 3], 1), None, 1, Padding::same(0)).unwrap();
    assert!(conv2d(&numbers(&[1, 2, 2, 3], 1), &conv).is_err());
    assert!(conv2d(&numbers(&[1, 4, 4, 2], 1), &conv).is_err());
    assert!(GroupNorm::new(numbers(&[6], 1), numbers(&[6], 1), 4, 1e-5).is_err());
    let x = numbers(&[1, 3, 6], 1);
    assert!(attention(&x, &x, &x, 4, false).is_err());
    assert!(attention(&x, &numbers(&[1, 2, 6], 1), &numbers(&[1, 2, 6], 1), 2, true).is_err());
    assert!(geglu(&numbers(&[2, 5], 1)).is_err());
}
