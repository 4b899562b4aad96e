//! Dropout on the input of an adapter (peft's `lora_dropout`).

use crate::sampling::noise::TorchRng;
use candle_core::{Device, Result, Tensor};

/// A mask `(1, tokens, features)` on the CPU, f32: 0 with probability `dropout`, else `1 / (1 - dropout)`.
pub(super) fn mask(tokens: usize, features: usize, dropout: f64, seed: u64) -> Result<Tensor> {
    let keep = (1.0 / (1.0 - dropout)) as f32;
    let uniform = TorchRng::new(seed).rand(&[tokens, features]);
    let mask: Vec<f32> = uniform.into_iter().map(|u| if f64::from(u) < dropout { 0.0 } else { keep }).collect();
    Tensor::from_vec(mask, (1, tokens, features), &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_keeps_the_mean() {
        let mask = mask(64, 100, 0.25, 3).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let dropped = mask.iter().filter(|x| **x == 0.0).count();
        assert!((1440..1760).contains(&dropped), "{dropped} of 6400");
        assert!(mask.iter().all(|x| *x == 0.0 || (*x - 4.0 / 3.0).abs() < 1e-6));
    }
}
