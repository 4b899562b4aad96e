//! Cases of every kernel on awkward shapes, each with its reference.

#![allow(dead_code)] // each test file uses a part

use candle_core::{DType, Device, Result, Tensor, Var};
use runner::kernels::{
    Activation, Conv2d, GroupNorm, LayerNorm, Linear, LoraPair, Padding, Window, add, add_to_pixels, attention_in,
    concatenate, conv2d, geglu, gelu_erf, group_norm, layer_norm, linear, lora_linear, multiplies_bf16, quick_gelu,
    reference, silu, trained_conv2d, trained_linear, upsample_nearest_2x,
};

use crate::device::device;

/// An activation function.
type Pointwise = fn(&Tensor) -> Result<Tensor>;

pub(crate) type Function = Box<dyn Fn(&[Tensor]) -> Result<Tensor> + Send + Sync>;

/// One kernel on one shape.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) inputs: Vec<Tensor>,
    /// How many of the inputs have a batch dimension; the others are LoRA factors.
    pub(crate) batched: usize,
    /// Whether weights or products are bf16 and this CPU has instructions for it, so that it rounds activations, too.
    pub(crate) rounded: bool,
    pub(crate) fast: Function,
    pub(crate) reference: Function,
}

/// Repeatable numbers between about -1.7 and 1.7, with standard deviation 1.
pub(crate) fn numbers(shape: &[usize], seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.) * 1.732
    };
    let count: usize = shape.iter().product();
    Tensor::from_vec((0..count).map(|_| next()).collect::<Vec<_>>(), shape, device()).unwrap()
}

pub(crate) fn scaled(shape: &[usize], seed: u64, fan_in: usize) -> Tensor {
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

/// Whether a case is too slow for Miri, which interprets some thousand multiply-adds per second and gets the smallest
/// shapes only. The work on a number between two products counts as about 20 multiply-adds.
fn too_slow(multiply_adds: usize) -> bool {
    cfg!(miri) && multiply_adds > 30_000
}

fn products(cases: &mut Vec<Case>) {
    for (batch, tokens, columns, out, rank, dtype) in [
        (1, 1, 1, 1, 1, DType::F32),
        (2, 3, 5, 18, 2, DType::F32),
        (1, 3, 5, 17, 2, DType::BF16),
        (1, 3, 7, 9, 2, DType::F16),
        (3, 77, 40, 24, 4, DType::F32),
        (3, 256, 64, 512, 3, DType::F32),
        (1, 7, 770, 33, 16, DType::F32),
        (3, 50, 129, 65, 13, DType::BF16),
        (3, 33, 96, 100, 8, DType::F16),
    ] {
        if too_slow(batch * tokens * columns * out) {
            continue;
        }
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

/// Weights as integers. The reference has the same integers, so that only the products differ.
fn int8(cases: &mut Vec<Case>) {
    for (batch, tokens, columns, out, rank) in [
        (1, 1, 1, 1, 1),
        (2, 3, 5, 18, 2),
        (1, 3, 7, 33, 2),
        (3, 77, 40, 24, 4),
        (1, 7, 770, 65, 13),
        (1, 50, 800, 700, 3),
    ] {
        if too_slow(batch * tokens * columns * out) {
            continue;
        }
        let weight = scaled(&[out, columns], 1, columns).to_device(&Device::Cpu).unwrap();
        let layer = Linear::int8(weight, Some(numbers(&[out], 2)), device()).unwrap();
        let x = numbers(&[batch, tokens, columns], 3);
        let name = format!("{batch}×{tokens}×{columns} to {out}, int8");
        let (twin, other, other_twin) = (layer.clone(), layer.clone(), layer.clone());
        let one = case(
            format!("linear {name}"),
            vec![x.clone()],
            1,
            move |x| linear(&x[0], &layer),
            move |x| reference::linear(&x[0], &twin),
        );
        cases.push(one.rounded(DType::BF16));
        let pair = |x: &[Tensor]| LoraPair { down: x[1].clone(), up: x[2].clone(), scale: 0.7, dropout_mask: None };
        let one = case(
            format!("lora {name}, rank {rank}"),
            vec![x, scaled(&[rank, columns], 4, columns), scaled(&[out, rank], 5, rank)],
            1,
            move |x| lora_linear(&x[0], &other, &pair(x)),
            move |x| reference::lora_linear(&x[0], &other_twin, &pair(x)),
        );
        cases.push(one.rounded(DType::BF16));
    }
}

fn convolutions(cases: &mut Vec<Case>) {
    let asymmetric = Padding { bottom: 1, right: 1, ..Padding::same(0) };
    for (batch, height, width, channels, out, kernel, stride, padding, dtype) in [
        (1, 1, 1, 1, 1, 1, 1, Padding::same(0), DType::F32),
        (1, 3, 4, 16, 17, 3, 1, Padding::same(1), DType::F32),
        (1, 2, 3, 16, 17, 3, 1, Padding::same(1), DType::BF16),
        (1, 3, 3, 5, 7, 3, 2, Padding::same(1), DType::BF16),
        (1, 3, 3, 5, 6, 3, 2, Padding::same(1), DType::F16),
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
        if too_slow(batch * height * width * channels * out * kernel * kernel / (stride * stride)) {
            continue;
        }
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

/// Layers whose weights get a gradient, too.
fn trained(cases: &mut Vec<Case>) {
    for (batch, tokens, columns, out) in [(1, 1, 1, 1), (2, 3, 5, 18), (3, 50, 129, 7)] {
        if too_slow(batch * tokens * columns * out) {
            continue;
        }
        let inputs = vec![numbers(&[batch, tokens, columns], 3), scaled(&[out, columns], 4, columns)];
        cases.push(case(
            format!("trained linear {batch}×{tokens}×{columns} to {out}"),
            inputs,
            1,
            |x| trained_linear(&x[0], &x[1], 0.7),
            |x| x[0].broadcast_matmul(&x[1].to_dtype(x[0].dtype())?.t()?)? * 0.7,
        ));
    }
    let asymmetric = Padding { bottom: 1, right: 1, ..Padding::same(0) };
    for (batch, height, width, channels, out, kernel, stride, padding) in [
        (1, 3, 4, 5, 2, 3, 1, Padding::same(1)),
        (2, 7, 6, 20, 4, 3, 1, Padding::same(1)),
        // With stride 2, candle's own gradient wants sides of which both or none leave a pixel over.
        (3, 8, 6, 9, 17, 3, 2, Padding::same(1)),
        (2, 8, 6, 6, 3, 3, 2, asymmetric),
        (2, 5, 4, 6, 3, 1, 1, Padding::same(0)),
    ] {
        if too_slow(batch * height * width * channels * out * kernel * kernel) {
            continue;
        }
        let weight = scaled(&[out, channels, kernel, kernel], 4, channels * kernel * kernel);
        cases.push(case(
            format!("trained conv {batch}×{height}×{width}×{channels} to {out}, kernel {kernel}, stride {stride}"),
            vec![numbers(&[batch, height, width, channels], 3), weight],
            1,
            move |x| trained_conv2d(&x[0], &x[1], 0.7, Window { stride, padding }),
            move |x| {
                let padded = x[0].pad_with_zeros(1, padding.top, padding.bottom)?;
                let padded = padded.pad_with_zeros(2, padding.left, padding.right)?.permute((0, 3, 1, 2))?;
                let y = padded.contiguous()?.conv2d(&x[1].to_dtype(x[0].dtype())?, 0, stride, 1, 1)?;
                y.permute((0, 2, 3, 1))?.contiguous()? * 0.7
            },
        ));
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
        if too_slow(batch * queries * keys * heads * dim) {
            continue;
        }
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
        if too_slow(batch * height * width * channels * 20) {
            continue;
        }
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
        if too_slow(batch * height * width * channels * 20) {
            continue;
        }
        let name = format!("{batch}×{height}×{width}×{channels}");
        let map = |channels, seed| numbers(&[batch, height, width, channels], seed);
        let (x, y) = (map(channels, 1), map(others, 2));
        let same = vec![x.clone(), map(channels, 3)];
        cases.push(case(format!("add {name}"), same, 2, |x| add(&x[0], &x[1]), |x| reference::add(&x[0], &x[1])));
        let (both, fast, twin) = (vec![x.clone(), y], |x: &[Tensor]| concatenate(&x[0], &x[1]), reference::concatenate);
        cases.push(case(format!("concatenate {name} and {others}"), both, 2, fast, move |x| twin(&x[0], &x[1])));
        // Each image gives its own first pixel.
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

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    products(&mut cases);
    int8(&mut cases);
    convolutions(&mut cases);
    trained(&mut cases);
    attentions(&mut cases);
    norms_and_activations(&mut cases);
    joins(&mut cases);
    cases
}

/// The value and the gradient of every input, for a fixed gradient of the result.
pub(crate) fn run(function: &Function, inputs: &[Tensor]) -> Vec<Tensor> {
    let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tracked: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    let y = function(&tracked).unwrap();
    // Every image has the same gradient.
    let image = numbers(&y.dims()[1..], 9).to_dtype(y.dtype()).unwrap().unsqueeze(0).unwrap();
    let image = image.broadcast_as(y.shape()).unwrap();
    let grads = (&y * image).unwrap().sum_all().unwrap().backward().unwrap();
    let mut all = vec![y];
    all.extend(vars.iter().map(|v| grads.get(v).expect("a gradient for every input").clone()));
    all
}

pub(crate) fn vector(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}
