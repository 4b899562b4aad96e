//! What an encoder holds in memory at most, from its configuration alone.

use super::encoder::at_once;
use super::parts::EncoderParts;
use super::text::TextTower;
use super::transformer::VisionTransformer;
use crate::kernels::{Machine, Storage};
use crate::models::layers::sketch;
use crate::models::trace::Trace;
use crate::tensors::LoadError;

impl EncoderParts {
    /// The bytes of its weights and of a pass with as many pictures as it takes at once.
    ///
    /// # Errors
    /// A network that cannot be built from its configuration.
    pub fn memory(&self, machine: Machine) -> Result<u64, LoadError> {
        let storage = Storage::from(candle_core::DType::F32);
        let (vision, weight) =
            sketch(machine, storage, |at| VisionTransformer::new(self.config.kind, &self.config.vision, at))?;
        let t = Trace::new(machine, storage, None);
        vision.trace(&t, at_once(self.size, self.config.vision.patch_size), self.size);
        let mut bytes = weight.bytes + t.meter().most();
        if let Some(config) = &self.config.text {
            let (_, weight) = sketch(machine, storage, |at| TextTower::new(config, at))?;
            // The largest tensor is in memory as bytes of the file, too, while it is loaded.
            bytes += weight.bytes + 4 * weight.largest;
        }
        Ok(bytes)
    }
}
