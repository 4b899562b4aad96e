//! Saving and restoring a training, bit for bit.

use super::error::TrainingError;
use super::trainer::Trainer;
use crate::tensors::tensor_file;
use candle_core::{DType, Device, Result, Tensor, Var};
use std::collections::BTreeMap;

const KIND: &str = "runner training state 1";

impl Trainer<'_> {
    /// Weights, the optimizer's state and step as the bytes of a safetensors file. The same training gives the same
    /// bytes.
    pub fn save_state(&self) -> Result<Vec<u8>> {
        let mut tensors: BTreeMap<String, Tensor> = BTreeMap::new();
        for (name, variable) in self.adapter.variables() {
            tensors.insert(format!("weight.{name}"), variable.as_tensor().detach());
        }
        tensors.extend(self.optimizer.state());
        let metadata = [
            ("kind", KIND.to_owned()),
            ("steps", self.optimizer.steps().to_string()),
            ("alpha", self.adapter.alpha.to_string()),
        ];
        tensor_file::write(&tensors, &metadata.map(|(key, value)| (key.to_owned(), value)).into())
    }

    /// Continues from [`Self::save_state`]. On an error nothing has changed.
    ///
    /// # Errors
    /// If the bytes are no training state, a damaged one, or one of other modules, rank or alpha.
    pub fn load_state(&mut self, bytes: &[u8]) -> std::result::Result<(), TrainingError> {
        let state = |reason: String| TrainingError::State(reason);
        let steps = self.read_header(bytes).map_err(state)?;
        let mut tensors =
            candle_core::safetensors::load_buffer(bytes, &Device::Cpu).map_err(|e| state(e.to_string()))?;
        let mut take = |name: &str, like: &Var| {
            let tensor = tensors.remove(name).ok_or_else(|| format!("{name} is missing"))?;
            fitting(name, &tensor, like)
        };
        let mut weights = Vec::new();
        for (name, variable) in self.adapter.variables() {
            weights.push((variable.clone(), take(&format!("weight.{name}"), variable).map_err(state)?));
        }
        let optimizer = self.optimizer.restored(steps, self.adapter.variables(), &mut take).map_err(state)?;
        if let Some(name) = tensors.keys().min() {
            return Err(state(format!("{name} is not in this adapter")));
        }
        for (variable, value) in weights {
            variable.set(&value).map_err(|e| state(e.to_string()))?;
        }
        self.optimizer = optimizer;
        Ok(())
    }

    /// Checks kind and alpha, returns the number of steps done.
    fn read_header(&self, bytes: &[u8]) -> std::result::Result<u64, String> {
        let (_, header) = safetensors::SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
        let get = |key: &str| header.metadata().as_ref().and_then(|m| m.get(key)).map_or("", String::as_str);
        if get("kind") != KIND {
            return Err(format!("its kind is {:?}, not {KIND:?}", get("kind")));
        }
        if get("alpha") != self.adapter.alpha.to_string() {
            return Err(format!("its alpha is {}, not {}", get("alpha"), self.adapter.alpha));
        }
        get("steps").parse().map_err(|_| format!("its number of steps is {:?}", get("steps")))
    }
}

/// The tensor on the variable's device; it must be f32 and have the variable's shape.
fn fitting(name: &str, tensor: &Tensor, variable: &Var) -> std::result::Result<Tensor, String> {
    if tensor.dims() != variable.dims() || tensor.dtype() != DType::F32 {
        return Err(format!("{name} is {:?} {:?}, not F32 {:?}", tensor.dtype(), tensor.dims(), variable.dims()));
    }
    tensor.to_device(variable.device()).map_err(|e| e.to_string())
}
