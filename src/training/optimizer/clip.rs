//! Clipping of the joint gradient norm.

use candle_core::{Result, Tensor};

/// The Euclidean norm of all gradients taken as one vector.
///
/// Not finite if any number of any gradient is not. One transfer from the device, whatever the number of tensors.
pub fn gradient_norm<'a>(gradients: impl IntoIterator<Item = &'a Tensor>) -> Result<f64> {
    let squares = gradients.into_iter().map(|g| g.sqr()?.sum_all()).collect::<Result<Vec<_>>>()?;
    if squares.is_empty() {
        return Ok(0.0);
    }
    let squares = Tensor::stack(&squares, 0)?.to_vec1::<f32>()?;
    Ok(squares.into_iter().map(f64::from).sum::<f64>().sqrt())
}

/// What every gradient is multiplied with so that the joint norm is at most `max_norm`:
/// `min(1, max_norm / (norm + 1e-6))`, as in
/// [`torch.nn.utils.clip_grad_norm_`](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html).
/// A `max_norm` of 0 switches clipping off.
#[must_use]
pub fn clip_factor(norm: f64, max_norm: f64) -> f64 {
    if max_norm > 0.0 { (max_norm / (norm + 1e-6)).min(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_norm_is_joint() {
        let a = Tensor::new(&[[3f32, 0.0], [0.0, 0.0]], &Device::Cpu).unwrap();
        let b = Tensor::new(&[0f32, -4.0], &Device::Cpu).unwrap();
        assert_eq!(gradient_norm([&a, &b]).unwrap(), 5.0);
        assert_eq!(gradient_norm([]).unwrap(), 0.0);
        assert!(gradient_norm([&a, &(b * f64::NAN).unwrap()]).unwrap().is_nan());
    }

    #[test]
    fn small_gradients_stay_and_large_ones_shrink_to_the_limit() {
        assert_eq!(clip_factor(0.5, 1.0), 1.0);
        assert_eq!(clip_factor(0.0, 1.0), 1.0);
        assert_eq!(clip_factor(50.0, 0.0), 1.0);
        assert_eq!(clip_factor(4.0, 1.0), 1.0 / 4.000_001);
        // torch: at a norm of exactly the limit the 1e-6 already bites.
        assert_eq!(clip_factor(1.0, 1.0), 1.0 / 1.000_001);
    }
}
