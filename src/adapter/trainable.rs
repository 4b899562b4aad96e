//! The trainable weights of an adapter.

use crate::choice::AdapterKind;
use crate::models::delta::about::Beginning;
use crate::models::delta::kinds::begin;
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
    /// Module name → the module, in order of name.
    pub modules: BTreeMap<String, Module>,
}

/// How a new adapter begins.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// What it adds to a module.
    pub kind: AdapterKind,
    /// r: the inner width in every module.
    pub rank: usize,
    /// The update is multiplied with `alpha / rank`.
    pub alpha: f64,
    /// Seeds the first numbers.
    pub seed: u64,
    /// What one of the factors of a LoKr's sizes should be; `None`: both as near to each other as possible.
    pub lokr_factor: Option<usize>,
    /// The Euclidean norms of the weights of each output, `(out)`, of every module by name: DoRA begins with them.
    pub norms: &'a BTreeMap<String, Tensor>,
}

/// The trainable tensors of one module.
#[derive(Clone, Debug)]
pub struct Module {
    /// The layer that they change.
    pub layer: AdaptableLayer,
    /// By name (`down`, `up` for a LoRA), in order of name. They are f32 whatever the dtype of the base model.
    pub tensors: BTreeMap<&'static str, Var>,
}

impl Adapter {
    /// A new adapter that changes nothing yet, of a kind that need not know the layers' weights.
    ///
    /// Each module's tensors are drawn on the host from a stream of its own, seeded by `seed` and the module's name, so
    /// a module starts the same whatever other modules there are.
    ///
    /// # Errors
    /// A rank of 0; a kind that begins with the weights' norms.
    pub fn init(
        kind: AdapterKind,
        modules: &[AdaptableLayer],
        rank: usize,
        alpha: f64,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        Self::begin(&Start { kind, rank, alpha, seed, lokr_factor: None, norms: &BTreeMap::new() }, modules, device)
    }

    /// The same for any kind.
    ///
    /// # Errors
    /// A rank of 0; norms that are not known and needed.
    pub fn begin(start: &Start<'_>, modules: &[AdaptableLayer], device: &Device) -> Result<Self> {
        let Start { kind, rank, alpha, seed, lokr_factor, norms } = *start;
        if rank == 0 {
            candle_core::bail!("an adapter of rank 0 has no weights");
        }
        let modules = modules
            .iter()
            .map(|layer| {
                let mut rng = TorchRng::new(derive(seed, &format!("adapter/{}", layer.name), 0, 0));
                let mut beginning = Beginning { layer, rank, lokr_factor, rng: &mut rng };
                let tensors = begin(kind, &mut beginning, norms.get(&layer.name))?;
                let variable = |tensor: Tensor| Var::from_tensor(&tensor.to_device(device)?);
                let tensors = tensors.into_iter().map(|(name, tensor)| Ok((name, variable(tensor)?)));
                let module = Module { layer: layer.clone(), tensors: tensors.collect::<Result<_>>()? };
                Ok((layer.name.clone(), module))
            })
            .collect::<Result<_>>()?;
        Ok(Self { kind, rank, alpha, modules })
    }

    /// Every trainable tensor as (`<module>.<tensor>`, variable), sorted by module and name.
    ///
    /// The order in which norms are summed and states are saved.
    pub fn variables(&self) -> impl Iterator<Item = (String, &Var)> {
        let of_module = |(layer, module): (&'_ String, &'_ Module)| {
            let names = module.tensors.keys().map(|name| format!("{layer}.{name}"));
            names.collect::<Vec<_>>()
        };
        let names = self.modules.iter().flat_map(of_module);
        names.zip(self.modules.values().flat_map(|module| module.tensors.values()))
    }

    /// The same adapter with other numbers: `values` gives those of a variable by its name.
    ///
    /// # Errors
    /// A variable without values, or with values of another shape.
    pub fn with_values<'v>(&self, values: impl Fn(&str) -> Option<&'v Tensor>) -> Result<Self> {
        let of_module = |(layer, module): (&String, &Module)| {
            let variables = module.tensors.iter().map(|(name, variable)| match values(&format!("{layer}.{name}")) {
                Some(value) if value.dims() == variable.dims() => Ok((*name, Var::from_tensor(value)?)),
                _ => candle_core::bail!("{layer}.{name} has no values of its shape"),
            });
            Ok((layer.clone(), Module { tensors: variables.collect::<Result<_>>()?, layer: module.layer.clone() }))
        };
        Ok(Self { modules: self.modules.iter().map(of_module).collect::<Result<_>>()?, ..self.clone() })
    }

    /// The adapter as a forward pass of training uses it: gradients reach its tensors.
    #[must_use]
    pub fn tracked_set(&self) -> LoraSet {
        let tracked = |module: &Module| module.tensors.iter().map(|(name, v)| (*name, v.as_tensor().clone())).collect();
        let delta = |module: &Module| Delta::new(self.kind, tracked(module), self.scale());
        self.modules.iter().map(|(name, module)| (name.clone(), delta(module))).collect()
    }

    /// The adapter for inference, `strength` times as strong as trained. No gradients; the tensors are copies,
    /// so later training does not change the set.
    pub fn frozen_set(&self, strength: f64) -> Result<LoraSet> {
        let delta = |module: &Module| -> Result<Delta> {
            let copies = module.tensors.iter().map(|(name, v)| Ok((*name, v.as_tensor().copy()?.detach())));
            Ok(Delta::new(self.kind, copies.collect::<Result<_>>()?, self.scale()).at(strength))
        };
        self.modules.iter().map(|(name, module)| Ok((name.clone(), delta(module)?))).collect()
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
                        window: None,
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
            window: None,
            tokens: Tokens::Context,
            role: Role::Attention,
        };
        let adapter = Adapter::init(AdapterKind::Lora, &[module], 8, 8.0, 1, &Device::Cpu).unwrap();
        let a = values(&adapter.modules["m"].tensors["down"]);
        let variance = a.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / a.len() as f64;
        assert!((variance.sqrt() * 8.0 - 1.0).abs() < 0.02, "{variance}");
        assert!(values(&adapter.modules["m"].tensors["up"]).iter().all(|x| *x == 0.0));
    }

    #[test]
    fn a_module_starts_the_same_whatever_the_others() {
        let modules = stable_diffusion_1_5();
        let all = Adapter::init(AdapterKind::Lora, &modules[..4], 2, 2.0, 5, &Device::Cpu).unwrap();
        let one = Adapter::init(AdapterKind::Lora, &modules[3..4], 2, 2.0, 5, &Device::Cpu).unwrap();
        let name = &modules[3].name;
        assert_eq!(values(&all.modules[name].tensors["down"]), values(&one.modules[name].tensors["down"]));
        let other = Adapter::init(AdapterKind::Lora, &modules[3..4], 2, 2.0, 6, &Device::Cpu).unwrap();
        assert_ne!(values(&one.modules[name].tensors["down"]), values(&other.modules[name].tensors["down"]));
        assert_ne!(values(&all.modules[name].tensors["down"]), values(&all.modules[&modules[0].name].tensors["down"]));
    }
}
