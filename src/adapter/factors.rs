//! The trainable weights of an adapter.

use crate::kernels::LoraPair;
use crate::models::lora_set::tensor_names;
use crate::models::{AdaptableLayer, LoraSet};
use crate::sampling::noise::{TorchRng, derive};
use candle_core::{Device, Result, Tensor, Var};
use std::collections::BTreeMap;

/// The trainable pair of one module, f32 whatever the dtype of the base model.
#[derive(Clone, Debug)]
pub struct Factors {
    /// A, `(rank, in)`.
    pub down: Var,
    /// B, `(out, rank)`.
    pub up: Var,
}

/// An adapter in training: every chosen module's A and B, one rank and one alpha.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// r: the inner width of every pair.
    pub rank: usize,
    /// The update is `alpha / rank · B A`.
    pub alpha: f64,
    /// Module name → its pair, in order of name.
    pub modules: BTreeMap<String, Factors>,
}

impl Adapter {
    /// A new adapter that changes nothing yet: A ~ N(0, 1/rank) (standard deviation 1/rank, peft's
    /// `init_lora_weights="gaussian"`), B = 0.
    ///
    /// Each A is drawn on the host from a stream of its own, seeded by `seed` and the module's name, so a
    /// module starts the same whatever other modules there are.
    pub fn init(modules: &[AdaptableLayer], rank: usize, alpha: f64, seed: u64, device: &Device) -> Result<Self> {
        if rank == 0 {
            candle_core::bail!("an adapter of rank 0 has no weights");
        }
        let std = 1.0 / rank as f64;
        let modules = modules
            .iter()
            .map(|module| {
                let mut rng = TorchRng::new(derive(seed, &format!("adapter/{}", module.name), 0, 0));
                let down = rng.randn_tensor(&[rank, module.in_features])?.affine(std, 0.0)?.to_device(device)?;
                let up = Tensor::zeros((module.out_features, rank), candle_core::DType::F32, device)?;
                Ok((module.name.clone(), Factors { down: Var::from_tensor(&down)?, up: Var::from_tensor(&up)? }))
            })
            .collect::<Result<_>>()?;
        Ok(Self { rank, alpha, modules })
    }

    /// Every trainable tensor as (`<module>.down` or `<module>.up`, variable), sorted by module, down first.
    ///
    /// The order in which norms are summed and states are saved.
    pub fn variables(&self) -> impl Iterator<Item = (String, &Var)> {
        self.modules.iter().flat_map(|(layer, pair)| tensor_names(layer).into_iter().zip([&pair.down, &pair.up]))
    }

    /// The adapter as a forward pass of training uses it: gradients reach A and B.
    #[must_use]
    pub fn tracked_set(&self) -> LoraSet {
        let pair = |pair: &Factors| LoraPair {
            down: pair.down.as_tensor().clone(),
            up: pair.up.as_tensor().clone(),
            scale: self.scale(),
            dropout_mask: None,
        };
        self.modules.iter().map(|(name, factors)| (name.clone(), pair(factors))).collect()
    }

    /// The adapter for inference, `strength` times as strong as trained. No gradients; the tensors are copies,
    /// so later training does not change the set.
    pub fn frozen_set(&self, strength: f64) -> Result<LoraSet> {
        let pair = |pair: &Factors| -> Result<LoraPair> {
            Ok(LoraPair {
                down: pair.down.as_tensor().copy()?.detach(),
                up: pair.up.as_tensor().copy()?.detach(),
                scale: self.scale() * strength,
                dropout_mask: None,
            })
        };
        self.modules.iter().map(|(name, factors)| Ok((name.clone(), pair(factors)?))).collect()
    }

    /// `alpha / rank`.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Tokens;

    /// The attention layers of Stable Diffusion 1.5's UNet: 16 transformer blocks, cross attention to 768.
    fn stable_diffusion_1_5() -> Vec<AdaptableLayer> {
        let channels = [320, 640, 1280];
        let mut blocks = Vec::new();
        for (level, channels) in channels.into_iter().enumerate() {
            blocks.extend((0..2).map(|i| (format!("down_blocks.{level}.attentions.{i}"), channels)));
            blocks.extend((0..3).map(|i| (format!("up_blocks.{}.attentions.{i}", 3 - level), channels)));
        }
        blocks.push(("mid_block.attentions.0".into(), 1280));
        let mut modules = Vec::new();
        for (block, width) in blocks {
            for (attention, context) in [("attn1", width), ("attn2", 768)] {
                for (layer, input) in [("to_q", width), ("to_k", context), ("to_v", context), ("to_out.0", width)] {
                    modules.push(AdaptableLayer {
                        name: format!("{block}.transformer_blocks.0.{attention}.{layer}"),
                        in_features: input,
                        out_features: width,
                        tokens: if input == 768 { Tokens::Context } else { Tokens::Grid(0) },
                    });
                }
            }
        }
        modules
    }

    fn values(var: &Var) -> Vec<f32> {
        var.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn rank_4_on_stable_diffusion_1_5_has_797184_parameters() {
        let modules = stable_diffusion_1_5();
        assert_eq!(modules.len(), 128);
        let adapter = Adapter::init(&modules, 4, 4.0, 0, &Device::Cpu).unwrap();
        assert_eq!(adapter.variables().map(|(_, variable)| variable.elem_count()).sum::<usize>(), 797_184);
        assert_eq!(adapter.variables().count(), 256);
        let bytes = crate::adapter::file::save_diffusers(&adapter).unwrap().len();
        assert!((3_188_736..3_250_000).contains(&bytes), "{bytes} bytes");
    }

    #[test]
    fn a_has_deviation_one_over_rank_and_b_is_zero() {
        let module = AdaptableLayer { name: "m".into(), in_features: 4096, out_features: 3, tokens: Tokens::Context };
        let adapter = Adapter::init(&[module], 8, 8.0, 1, &Device::Cpu).unwrap();
        let a = values(&adapter.modules["m"].down);
        let variance = a.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / a.len() as f64;
        assert!((variance.sqrt() * 8.0 - 1.0).abs() < 0.02, "{variance}");
        assert!(values(&adapter.modules["m"].up).iter().all(|x| *x == 0.0));
    }

    #[test]
    fn a_module_starts_the_same_whatever_the_others() {
        let modules = stable_diffusion_1_5();
        let all = Adapter::init(&modules[..4], 2, 2.0, 5, &Device::Cpu).unwrap();
        let one = Adapter::init(&modules[3..4], 2, 2.0, 5, &Device::Cpu).unwrap();
        let name = &modules[3].name;
        assert_eq!(values(&all.modules[name].down), values(&one.modules[name].down));
        let other = Adapter::init(&modules[3..4], 2, 2.0, 6, &Device::Cpu).unwrap();
        assert_ne!(values(&one.modules[name].down), values(&other.modules[name].down));
        assert_ne!(values(&all.modules[name].down), values(&all.modules[&modules[0].name].down));
    }
}
