//! The trainable weights of an adapter.

use crate::choice::AdapterKind;
use crate::models::delta::{about, tensor_names};
use crate::models::{AdaptableLayer, Delta, LoraSet};
use crate::sampling::noise::{TorchRng, derive};
use candle_core::{Device, Result, Tensor, Var};
use std::collections::BTreeMap;

/// An adapter in training: the trainable tensors of every chosen module, one kind, one rank and one alpha.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// What the adapter adds to a module.
    pub kind: AdapterKind,
    /// r: the inner width in every module.
    pub rank: usize,
    /// The update is multiplied with `alpha / rank`.
    pub alpha: f64,
    /// Module name → its trainable tensors in the order of the kind's names (A, B for a LoRA), in order of name. They
    /// are f32 whatever the dtype of the base model.
    pub modules: BTreeMap<String, Vec<Var>>,
}

impl Adapter {
    /// A new adapter that changes nothing yet.
    ///
    /// Each module's tensors are drawn on the host from a stream of its own, seeded by `seed` and the module's name, so
    /// a module starts the same whatever other modules there are.
    pub fn init(
        kind: AdapterKind,
        modules: &[AdaptableLayer],
        rank: usize,
        alpha: f64,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        if rank == 0 {
            candle_core::bail!("an adapter of rank 0 has no weights");
        }
        let modules = modules
            .iter()
            .map(|module| {
                let mut rng = TorchRng::new(derive(seed, &format!("adapter/{}", module.name), 0, 0));
                let tensors = (about(kind).begin)(module, rank, &mut rng)?;
                let variables = tensors.iter().map(|tensor| Var::from_tensor(&tensor.to_device(device)?));
                Ok((module.name.clone(), variables.collect::<Result<_>>()?))
            })
            .collect::<Result<_>>()?;
        Ok(Self { kind, rank, alpha, modules })
    }

    /// Every trainable tensor as (`<module>.<tensor>`, variable), sorted by module, in the order of the kind's names.
    ///
    /// The order in which norms are summed and states are saved.
    pub fn variables(&self) -> impl Iterator<Item = (String, &Var)> {
        self.modules.iter().flat_map(|(layer, variables)| tensor_names(self.kind, layer).zip(variables))
    }

    /// The adapter as a forward pass of training uses it: gradients reach its tensors.
    #[must_use]
    pub fn tracked_set(&self) -> LoraSet {
        let delta = |variables: &Vec<Var>| self.delta(variables.iter().map(|v| v.as_tensor().clone()).collect(), 1.0);
        self.modules.iter().map(|(name, variables)| (name.clone(), delta(variables))).collect()
    }

    /// The adapter for inference, `strength` times as strong as trained. No gradients; the tensors are copies,
    /// so later training does not change the set.
    pub fn frozen_set(&self, strength: f64) -> Result<LoraSet> {
        let delta = |variables: &Vec<Var>| -> Result<Delta> {
            let copies = variables.iter().map(|variable| Ok(variable.as_tensor().copy()?.detach()));
            Ok(self.delta(copies.collect::<Result<_>>()?, strength))
        };
        self.modules.iter().map(|(name, variables)| Ok((name.clone(), delta(variables)?))).collect()
    }

    fn delta(&self, tensors: Vec<Tensor>, strength: f64) -> Delta {
        Delta { kind: self.kind, tensors, scale: self.scale() * strength, dropout_mask: None }
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
    use crate::models::{Role, Tokens};

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
                        role: Role::Attention,
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
        let adapter = Adapter::init(AdapterKind::Lora, &modules, 4, 4.0, 0, &Device::Cpu).unwrap();
        assert_eq!(adapter.variables().map(|(_, variable)| variable.elem_count()).sum::<usize>(), 797_184);
        assert_eq!(adapter.variables().count(), 256);
        let bytes = crate::adapter::file::save_diffusers(&adapter).unwrap().len();
        assert!((3_188_736..3_250_000).contains(&bytes), "{bytes} bytes");
    }

    #[test]
    fn a_has_deviation_one_over_rank_and_b_is_zero() {
        let module = AdaptableLayer {
            name: "m".into(),
            in_features: 4096,
            out_features: 3,
            tokens: Tokens::Context,
            role: Role::Attention,
        };
        let adapter = Adapter::init(AdapterKind::Lora, &[module], 8, 8.0, 1, &Device::Cpu).unwrap();
        let a = values(&adapter.modules["m"][0]);
        let variance = a.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / a.len() as f64;
        assert!((variance.sqrt() * 8.0 - 1.0).abs() < 0.02, "{variance}");
        assert!(values(&adapter.modules["m"][1]).iter().all(|x| *x == 0.0));
    }

    #[test]
    fn a_module_starts_the_same_whatever_the_others() {
        let modules = stable_diffusion_1_5();
        let all = Adapter::init(AdapterKind::Lora, &modules[..4], 2, 2.0, 5, &Device::Cpu).unwrap();
        let one = Adapter::init(AdapterKind::Lora, &modules[3..4], 2, 2.0, 5, &Device::Cpu).unwrap();
        let name = &modules[3].name;
        assert_eq!(values(&all.modules[name][0]), values(&one.modules[name][0]));
        let other = Adapter::init(AdapterKind::Lora, &modules[3..4], 2, 2.0, 6, &Device::Cpu).unwrap();
        assert_ne!(values(&one.modules[name][0]), values(&other.modules[name][0]));
        assert_ne!(values(&all.modules[name][0]), values(&all.modules[&modules[0].name][0]));
    }
}
