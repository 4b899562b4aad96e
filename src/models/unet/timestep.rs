//! The sinusoidal embedding of timesteps.

/// Sines and cosines of each timestep at `width / 2` frequencies, `(timesteps.len(), width)` row by row.
///
/// `frequency_i = 10000^(-i / (width/2 - freq_shift))`; sines first unless `flip_sin_to_cos`.
/// Always f32: half precision cannot even represent most timesteps above 512.
/// Source: `get_timestep_embedding`, <https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/embeddings.py#L27>.
pub(super) fn sinusoids(timesteps: &[f32], width: usize, flip_sin_to_cos: bool, freq_shift: f64) -> Vec<f32> {
    let half = width / 2;
    let exponent = -(10000f64.ln() as f32);
    let divisor = (half as f64 - freq_shift) as f32;
    let frequencies: Vec<f32> = (0..half).map(|i| (exponent * i as f32 / divisor).exp()).collect();
    let mut rows = Vec::with_capacity(timesteps.len() * width);
    for t in timesteps {
        let sines = frequencies.iter().map(|f| (t * f).sin());
        let cosines = frequencies.iter().map(|f| (t * f).cos());
        if flip_sin_to_cos {
            rows.extend(cosines.chain(sines));
        } else {
            rows.extend(sines.chain(cosines));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `diffusers.models.embeddings.get_timestep_embedding(torch.tensor([7.]), 4, flip_sin_to_cos=…,
    /// downscale_freq_shift=…)`.
    #[test]
    fn agrees_with_diffusers() {
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(&sinusoids(&[7.0], 4, false, 0.0), &[0.656_987, 0.069_943, 0.753_902, 0.997_551]));
        assert!(near(&sinusoids(&[7.0], 4, true, 1.0), &[0.753_902, 1.0, 0.656_987, 0.0007]));
    }
}
