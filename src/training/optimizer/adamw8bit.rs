//! AdamW whose state is kept in 8 bits (Dettmers et al. 2021, <https://arxiv.org/abs/2110.02861>).
//!
//! Formula, blocks and map are those of bitsandbytes 0.50.2
//! (`backends/cpu/ops.py`, `_optimizer_update_8bit_blockwise_cpu`). The numbers of a block of 256 are divided by the
//! largest of them, and each becomes the number of the next value in a map of 256 values, which are dense near 0.

use std::sync::OnceLock;

use candle_core::{DType, Device, Result, Tensor, Var};

use super::adamw::AdamWConfig;
use super::slot::Slot;
use super::update::{After, Before};

/// Numbers of a block: they share a scale.
const BLOCK: usize = 256;
/// Smaller variables have states of 32 bits, as in bitsandbytes.
const SMALLEST: usize = 4096;

/// The slots of a variable.
pub(super) fn slots(variable: &Var) -> Vec<Slot> {
    let count = variable.elem_count();
    if count < SMALLEST {
        return AdamWConfig::slots(variable);
    }
    let blocks = count.div_ceil(BLOCK);
    vec![
        Slot::of("first_codes", DType::U8, count),
        Slot::of("first_scales", DType::F32, blocks),
        Slot::of("second_codes", DType::U8, count),
        Slot::of("second_scales", DType::F32, blocks),
    ]
}

/// One variable's step, computed on the host.
pub(super) fn step(config: &AdamWConfig, before: &Before) -> Result<After> {
    let [first_codes, first_scales, second_codes, second_scales] = before.slots.as_slice() else {
        return config.step(before);
    };
    let AdamWConfig { beta1, beta2, epsilon, weight_decay } = *config;
    let numbers = |tensor: &Tensor| tensor.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<f32>();
    let state = |codes: &Tensor, scales: &Tensor, map: &[f32; 256]| {
        let (codes, scales) = (codes.to_device(&Device::Cpu)?.to_vec1::<u8>()?, numbers(scales)?);
        Ok::<_, candle_core::Error>(unpacked(&codes, &scales, map))
    };
    let (signed, unsigned) = maps();
    let mut first = state(first_codes, first_scales, signed)?;
    let mut second = state(second_codes, second_scales, unsigned)?;
    let (mut value, gradient) = (numbers(&before.value)?, numbers(&before.gradient)?);
    let steps = before.step as f64;
    let root = (1.0 - beta2.powf(steps)).sqrt() as f32;
    let step_size = (before.learning_rate / (1.0 - beta1.powf(steps))) as f32;
    let kept = (1.0 - before.learning_rate * weight_decay) as f32;
    let (share1, share2) = ((1.0 - beta1) as f32, (1.0 - beta2) as f32);
    for (((value, first), second), gradient) in value.iter_mut().zip(&mut first).zip(&mut second).zip(gradient) {
        *first = *first * beta1 as f32 + gradient * share1;
        *second = *second * beta2 as f32 + share2 * gradient * gradient;
        let denominator = second.sqrt() / root + epsilon as f32;
        *value = *value * kept - step_size * (*first / denominator);
    }
    let mut slots = Vec::new();
    for (numbers, map) in [(first, signed), (second, unsigned)] {
        let (codes, scales) = packed(&numbers, map);
        slots.push(Tensor::from_vec(codes, numbers.len(), &Device::Cpu)?);
        slots.push(Tensor::new(scales, &Device::Cpu)?);
    }
    let value = Tensor::from_vec(value, before.value.shape(), &Device::Cpu)?.to_device(before.value.device())?;
    Ok(After { value, slots })
}

fn unpacked(codes: &[u8], scales: &[f32], map: &[f32; 256]) -> Vec<f32> {
    let block =
        |(codes, scale): (&[u8], &f32)| codes.iter().map(|code| map[*code as usize] * scale).collect::<Vec<_>>();
    codes.chunks(BLOCK).zip(scales).flat_map(block).collect()
}

/// Codes of all numbers, and the largest absolute value of each block.
fn packed(numbers: &[f32], map: &[f32; 256]) -> (Vec<u8>, Vec<f32>) {
    let (mut codes, mut scales) = (Vec::with_capacity(numbers.len()), Vec::new());
    for block in numbers.chunks(BLOCK) {
        let scale = block.iter().fold(0f32, |largest, number| largest.max(number.abs()));
        let inverse = 1.0 / scale.max(1e-38);
        codes.extend(block.iter().map(|number| nearest(map, (number * inverse).clamp(-1.0, 1.0))));
        scales.push(scale);
    }
    (codes, scales)
}

/// The value of the map that is nearest; of two that are as near, the smaller one.
fn nearest(map: &[f32; 256], number: f32) -> u8 {
    let above = map.partition_point(|value| *value < number);
    let nearest = match above {
        0 => 0,
        256 => 255,
        _ if number > f32::midpoint(map[above - 1], map[above]) => above,
        _ => above - 1,
    };
    nearest as u8
}

/// The maps of numbers with and without a sign.
fn maps() -> (&'static [f32; 256], &'static [f32; 256]) {
    static MAPS: OnceLock<[[f32; 256]; 2]> = OnceLock::new();
    let [signed, unsigned] = MAPS.get_or_init(|| [true, false].map(dynamic_map));
    (signed, unsigned)
}

/// bitsandbytes' `create_dynamic_map`: seven ranges, each ten times as wide as the one before and cut into twice as
/// many parts, whose midpoints are the values; and 0 and 1.
fn dynamic_map(signed: bool) -> [f32; 256] {
    let mut values = vec![0.0, 1.0];
    for range in 0..7 {
        let parts = if signed { 1usize << range } else { 2 << range };
        let bound = |i: usize| linspace(parts + 1, i);
        let power = 10f64.powi(range - 6) as f32;
        for part in 0..parts {
            let middle = (bound(part) + bound(part + 1)) / 2.0;
            let value = power * middle;
            values.push(value);
            if signed {
                values.push(-value);
            }
        }
    }
    values.resize(256, 0.0);
    values.sort_by(f32::total_cmp);
    let mut map = [0.0; 256];
    map.copy_from_slice(&values);
    map
}

/// `torch.linspace(0.1, 1, count)[i]` in f32: counted from the nearer end.
fn linspace(count: usize, i: usize) -> f32 {
    let (start, end) = (0.1f32, 1f32);
    let step = (end - start) / (count - 1) as f32;
    if i < count / 2 { start + step * i as f32 } else { end - step * (count - 1 - i) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maps_are_those_of_bitsandbytes() {
        let expected: Vec<Vec<f32>> =
            serde_json::from_str(include_str!("../../../tests/golden/training/dynamic_maps.json")).unwrap();
        for (map, expected) in [maps().0, maps().1].into_iter().zip(expected) {
            for (ours, theirs) in map.iter().zip(expected) {
                assert!((ours - theirs).abs() <= 2.5e-7 * theirs.abs(), "{ours} {theirs}");
            }
        }
    }

    #[test]
    fn values_of_the_map_come_back() {
        let (signed, unsigned) = maps();
        for map in [signed, unsigned] {
            assert!(map.windows(2).all(|pair| pair[0] <= pair[1]));
            let (codes, scales) = packed(map, map);
            assert_eq!(scales, [1.0]);
            assert_eq!(unpacked(&codes, &scales, map), map);
        }
        assert_eq!(packed(&[0.0; 300], signed).1, [0.0, 0.0]);
    }
}
