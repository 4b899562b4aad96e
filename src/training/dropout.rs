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

/// How many tokens go into an attention layer of a UNet of `levels` resolutions for latents of `(height, width)`:
/// the prompt's for keys and values of cross attention, else one per place of the block's feature map.
///
/// `None` for a name that is not a UNet module's.
pub(super) fn tokens(module: &str, levels: usize, (height, width): (usize, usize), context: usize) -> Option<usize> {
    if module.ends_with(".attn2.to_k") || module.ends_with(".attn2.to_v") {
        return Some(context);
    }
    let mut path = module.split('.');
    let (block, number) = (path.next()?, path.next()?.parse::<usize>());
    let level = match block {
        "down_blocks" => number.ok()?,
        "mid_block" => levels.checked_sub(1)?,
        "up_blocks" => levels.checked_sub(1)?.checked_sub(number.ok()?)?,
        _ => return None,
    };
    let side = |length: usize| (0..level).fold(length, |length, _| length.div_ceil(2));
    Some(side(height) * side(width))
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

    #[test]
    fn tokens_follow_the_blocks() {
        let of = |module| tokens(module, 4, (64, 48), 77);
        assert_eq!(of("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"), Some(64 * 48));
        assert_eq!(of("down_blocks.2.attentions.1.transformer_blocks.0.attn2.to_q"), Some(16 * 12));
        assert_eq!(of("down_blocks.2.attentions.1.transformer_blocks.0.attn2.to_v"), Some(77));
        assert_eq!(of("mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0"), Some(8 * 6));
        assert_eq!(of("up_blocks.3.attentions.0.transformer_blocks.0.attn1.to_k"), Some(64 * 48));
        assert_eq!(of("up_blocks.4.attentions.0.transformer_blocks.0.attn1.to_k"), None);
        assert_eq!(of("something"), None);
    }
}
