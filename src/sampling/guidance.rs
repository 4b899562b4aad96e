//! What a sampler takes of two predictions: with the prompt and without.

use candle_core::{Result, Tensor};

use crate::choice::Guidance;

/// The guided prediction: `without + scale·(with − without)`; with `rescale` φ its spread is brought back to that of
/// `with`: `φ·σ(with)/σ(guided)·guided + (1 − φ)·guided`, where σ is the standard deviation of each sample's numbers
/// (`rescale_noise_cfg` of diffusers; Lin et al. 2023, [arXiv 2305.08891](https://arxiv.org/abs/2305.08891), equations
/// 14 to 16). `without` and `with` are `(batch, …)` of one shape, f32; so is the result.
///
/// # Errors
/// Tensors of different shapes.
pub fn guided(without: &Tensor, with: &Tensor, guidance: Guidance) -> Result<Tensor> {
    let Guidance { scale, rescale } = guidance;
    let guided = (without + ((with - without)? * scale)?)?;
    if rescale == 0.0 {
        return Ok(guided);
    }
    let factor = (deviation(with)? / deviation(&guided)?)?;
    let rescaled = guided.broadcast_mul(&factor)?;
    (rescaled * rescale)? + (guided * (1.0 - rescale))?
}

/// The standard deviation of each sample's numbers, as torch computes it (of a sample of `n` numbers the sum of squares
/// is divided by `n − 1`): `(batch, 1, …)`.
fn deviation(x: &Tensor) -> Result<Tensor> {
    let mut shape = vec![1; x.rank()];
    shape[0] = x.dim(0)?;
    x.flatten_from(1)?.var_keepdim(1)?.sqrt()?.reshape(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn rows(values: [[f32; 4]; 2]) -> Tensor {
        Tensor::new(&values, &Device::Cpu).unwrap()
    }

    #[test]
    fn a_full_rescaling_has_the_spread_of_the_prompt() {
        let without = rows([[0.1, -0.4, 0.3, 0.2], [1.0, 2.0, -1.0, 0.5]]);
        let with = rows([[0.5, -1.0, 0.25, 0.0], [3.0, -2.0, 0.0, 1.0]]);
        let of = |rescale| guided(&without, &with, Guidance { scale: 7.5, rescale }).unwrap();
        let spread = |x: &Tensor| deviation(x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let plain = of(0.0);
        assert!(spread(&plain)[0] > 2.0 * spread(&with)[0]);
        for (full, wanted) in spread(&of(1.0)).into_iter().zip(spread(&with)) {
            assert!((full / wanted - 1.0).abs() < 1e-6, "{full} {wanted}");
        }
        let values = |x: Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for ((half, none), all) in values(of(0.5)).into_iter().zip(values(plain)).zip(values(of(1.0))) {
            assert!((half - 0.5 * (none + all)).abs() < 1e-6);
        }
    }
}
