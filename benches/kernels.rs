//! The kernels at the shapes of the toy model (latents 16×16, batch 8) and of SD 1.5 at 512 px (batch 1), beside
//! candle's own operations. Names are `op/variant/shape`; `train` means forward and backward.
//! `cargo bench --bench kernels -- conv3x3` runs one group.

use std::time::Duration;

use candle_core::{DType, Device, Result, Tensor, Var};
use criterion::{Criterion, Throughput, criterion_group};
use runner::kernels::{
    Activation, Conv2d, GroupNorm, LayerNorm, Linear, LoraPair, Padding, attention_in, conv2d, geglu, group_norm,
    layer_norm, linear, lora_linear, reference,
};

/// The dtypes of frozen weights, and what each adds to the name of a benchmark.
const DTYPES: [(DType, &str); 2] = [(DType::F32, ""), (DType::BF16, "-bf16")];

fn randn(shape: &[usize]) -> Tensor {
    Tensor::randn(0f32, 1., shape, &Device::Cpu).unwrap()
}

fn bench(c: &mut Criterion, name: &str, operations: f64, run: impl Fn() -> Result<Tensor>) {
    let mut group = c.benchmark_group(name.split('/').next().unwrap_or(name));
    group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
    group.throughput(Throughput::Elements(operations as u64));
    group.bench_function(&name[name.find('/').map_or(0, |i| i + 1)..], |b| b.iter(|| run().unwrap()));
}

/// Measures forward, and forward with the gradient of every variable.
fn both(
    c: &mut Criterion,
    op: &str,
    shape: &str,
    operations: f64,
    vars: &[Var],
    run: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let plain: Vec<Tensor> = vars.iter().map(|v| v.as_detached_tensor()).collect();
    bench(c, &format!("{op}/forward/{shape}"), operations, || run(&plain));
    let tracked: Vec<Tensor> = vars.iter().map(|v| v.as_tensor().clone()).collect();
    bench(c, &format!("{op}/train/{shape}"), 2. * operations, || {
        let y = run(&tracked)?;
        let grads = y.backward()?;
        Ok(grads.get(&vars[0]).expect("a gradient").clone())
    });
}

fn var(shape: &[usize]) -> Var {
    Var::from_tensor(&randn(shape)).unwrap()
}

fn products(c: &mut Criterion) {
    for (m, k, n) in [
        (2048, 64, 64),
        (2048, 64, 512),
        (512, 128, 128),
        (616, 64, 128),
        (4096, 320, 320),
        (1024, 640, 5120),
        (256, 1280, 1280),
        (256, 1280, 10240),
        (4096, 320, 2560),
        (77, 768, 320),
    ] {
        let w = randn(&[n, k]);
        let (shape, operations) = (format!("{m}x{k}x{n}"), 2. * (m * k * n) as f64);
        for (dtype, suffix) in DTYPES {
            let layer = Linear::new(w.to_dtype(dtype).unwrap(), Some(randn(&[n]))).unwrap();
            both(c, &format!("linear{suffix}"), &shape, operations, &[var(&[m, k])], |x| linear(&x[0], &layer));
            let vars = [var(&[m, k]), var(&[4, k]), var(&[n, 4])];
            both(c, &format!("lora_linear{suffix}"), &shape, operations, &vars, |x| {
                let pair = LoraPair { down: x[1].clone(), up: x[2].clone(), scale: 1., dropout_mask: None };
                lora_linear(&x[0], &layer, &pair)
            });
        }
        let layer = Linear::int8(w.clone(), Some(randn(&[n])), &Device::Cpu).unwrap();
        both(c, "linear-int8", &shape, operations, &[var(&[m, k])], |x| linear(&x[0], &layer));
        let x = randn(&[m, k]);
        bench(c, &format!("candle-matmul/forward/{shape}"), operations, || x.matmul(&w.t()?));
    }
}

fn convolutions(c: &mut Criterion) {
    for (b, s, i, o) in [
        (8, 16, 4, 64),
        (8, 16, 64, 64),
        (8, 8, 128, 128),
        (8, 16, 192, 64),
        (8, 4, 192, 192),
        (1, 64, 320, 320),
        (1, 32, 640, 640),
        (1, 16, 1280, 1280),
        (1, 8, 1280, 1280),
        (1, 64, 960, 320),
    ] {
        let w = randn(&[o, i, 3, 3]);
        let (shape, operations) = (format!("{b}x{s}x{s}x{i}to{o}"), 18. * (b * s * s * i * o) as f64);
        for (dtype, suffix) in DTYPES {
            let w = w.to_dtype(dtype).unwrap();
            let layer = Conv2d::new(w, Some(randn(&[o])), 1, Padding::same(1)).unwrap();
            both(c, &format!("conv3x3{suffix}"), &shape, operations, &[var(&[b, s, s, i])], |x| conv2d(&x[0], &layer));
        }
        let x = randn(&[b, i, s, s]);
        bench(c, &format!("candle-conv2d/forward/{shape}"), operations, || x.conv2d(&w, 1, 1, 1, 1));
    }
}

fn attentions(c: &mut Criterion) {
    for (b, t, s, h, d) in [
        (8, 256, 256, 2, 32),
        (8, 256, 77, 2, 32),
        (8, 64, 64, 2, 64),
        (1, 4096, 4096, 8, 40),
        (1, 4096, 77, 8, 40),
        (1, 1024, 1024, 8, 80),
        (1, 256, 256, 8, 160),
    ] {
        let (shape, operations) = (format!("{b}x{t}x{s}x{h}x{d}"), 4. * (b * t * s * h * d) as f64);
        let vars = [var(&[b, t, h * d]), var(&[b, s, h * d]), var(&[b, s, h * d])];
        for (dtype, suffix) in DTYPES {
            both(c, &format!("attention{suffix}"), &shape, operations, &vars, |x| {
                attention_in(dtype, &x[0], &x[1], &x[2], h, false)
            });
        }
        if t < 4096 {
            both(c, "reference-attention", &shape, operations, &vars, |x| {
                reference::attention(&x[0], &x[1], &x[2], h, false)
            });
        }
    }
}

fn rows(c: &mut Criterion) {
    for (b, s, ch) in [(8, 16, 64), (8, 8, 128), (1, 64, 320)] {
        let shape = format!("{b}x{s}x{s}x{ch}");
        let count = (b * s * s * ch) as f64;
        let norm = GroupNorm::new(randn(&[ch]), randn(&[ch]), 32, 1e-5).unwrap();
        let x = [var(&[b, s, s, ch])];
        both(c, "group_norm_silu", &shape, count, &x, |x| group_norm(&x[0], &norm, Activation::Silu));
        both(c, "reference-group_norm_silu", &shape, count, &x, |x| {
            reference::group_norm(&x[0], &norm, Activation::Silu)
        });
        let norm = LayerNorm::new(randn(&[ch]), randn(&[ch]), 1e-5).unwrap();
        both(c, "layer_norm", &shape, count, &x, |x| layer_norm(&x[0], &norm));
        both(c, "reference-layer_norm", &shape, count, &x, |x| reference::layer_norm(&x[0], &norm));
        let x = [var(&[b, s * s, 8 * ch])];
        both(c, "geglu", &shape, 8. * count, &x, |x| geglu(&x[0]));
        both(c, "reference-geglu", &shape, 8. * count, &x, |x| reference::geglu(&x[0]));
    }
}

criterion_group!(benches, products, convolutions, attentions, rows);
/// Starts as `runner` does.
fn main() {
    runner::kernels::instruction_sets().expect("RUNNER_INSTRUCTIONS names an instruction set");
    runner::kernels::keep_freed_memory();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
