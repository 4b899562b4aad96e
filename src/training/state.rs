//! Saving and restoring a training, bit for bit.

use super::average::Average;
use super::error::TrainingError;
use super::optimizer::Slot;
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
        for (name, average) in self.average.iter().flat_map(Average::named) {
            tensors.insert(format!("average.{name}"), average);
        }
        tensors.extend(self.optimizer.state());
        let mut metadata: BTreeMap<String, String> = [
            ("kind", KIND.to_owned()),
            ("steps", self.optimizer.steps().to_string()),
            ("alpha", self.adapter.alpha.to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        if !self.optimizer.shared().is_empty() {
            // Rust writes a number so that reading it gives the same one.
            let shared: Vec<String> = self.optimizer.shared().iter().map(f64::to_string).collect();
            metadata.insert("shared".to_owned(), shared.join(" "));
        }
        tensor_file::write(&tensors, &metadata)
    }

    /// Continues from [`Self::save_state`]. On an error nothing has changed.
    ///
    /// # Errors
    /// If the bytes are no training state, a damaged one, or one of other modules, rank or alpha.
    pub fn load_state(&mut self, bytes: &[u8]) -> std::result::Result<(), TrainingError> {
        let state = |reason: String| TrainingError::State(reason);
        let (steps, shared) = self.read_header(bytes).map_err(state)?;
        let mut tensors =
            candle_core::safetensors::load_buffer(bytes, &Device::Cpu).map_err(|e| state(e.to_string()))?;
        let mut take = |name: &str, dtype: DType, dims: &[usize]| {
            let tensor = tensors.remove(name).ok_or_else(|| format!("{name} is missing"))?;
            fitting(name, tensor, dtype, dims)
        };
        let mut numbers = |name: &str, like: &Var| {
            let tensor = take(name, DType::F32, like.dims())?;
            tensor.to_device(like.device()).map_err(|e| e.to_string())
        };
        let (mut weights, mut averages) = (Vec::new(), BTreeMap::new());
        for (name, variable) in self.adapter.variables() {
            weights.push((variable.clone(), numbers(&format!("weight.{name}"), variable).map_err(state)?));
            if self.average.is_some() {
                averages.insert(name.clone(), numbers(&format!("average.{name}"), variable).map_err(state)?);
            }
        }
        let mut slot = |name: &str, slot: &Slot| take(name, slot.dtype, &slot.dims);
        let optimizer = self.optimizer.restored(steps, shared, self.adapter.variables(), &mut slot).map_err(state)?;
        if let Some(name) = tensors.keys().min() {
            return Err(state(format!("{name} is not in this adapter")));
        }
        for (variable, value) in weights {
            variable.set(&value).map_err(|e| state(e.to_string()))?;
        }
        if let Some(average) = &mut self.average {
            average.restore(averages);
        }
        self.optimizer = optimizer;
        Ok(())
    }

    /// Checks kind and alpha, returns the number of steps done and what the optimizer remembers of all weights
    /// together.
    fn read_header(&self, bytes: &[u8]) -> std::result::Result<(u64, Vec<f64>), String> {
        let (_, header) = safetensors::SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
        let get = |key: &str| header.metadata().as_ref().and_then(|m| m.get(key)).map_or("", String::as_str);
        if get("kind") != KIND {
            return Err(format!("its kind is {:?}, not {KIND:?}", get("kind")));
        }
        if get("alpha") != self.adapter.alpha.to_string() {
            return Err(format!("its alpha is {}, not {}", get("alpha"), self.adapter.alpha));
        }
        let steps = get("steps").parse().map_err(|_| format!("its number of steps is {:?}", get("steps")))?;
        let shared = get("shared").split_whitespace().map(str::parse).collect::<std::result::Result<_, _>>();
        Ok((steps, shared.map_err(|_| format!("the optimizer's shared numbers are {:?}", get("shared")))?))
    }
}

/// The tensor, if it has that type and that shape.
fn fitting(name: &str, tensor: Tensor, dtype: DType, dims: &[usize]) -> std::result::Result<Tensor, String> {
    if tensor.dims() != dims || tensor.dtype() != dtype {
        return Err(format!("{name} is {:?} {:?}, not {dtype:?} {dims:?}", tensor.dtype(), tensor.dims()));
    }
    Ok(tensor)
}
