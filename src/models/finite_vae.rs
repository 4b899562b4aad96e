//! A VAE that still works where numbers of 16 bits are too small for it.
//!
//! The activations of Stable Diffusion XL's own VAE reach more than 65 504, the largest number of f16: its pictures
//! become black or are no numbers at all. diffusers computes it in f32 if its configuration says so (`force_upcast`);
//! here the result decides, because many checkpoints have a VAE that was mended, and files have no configuration.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::{Result, Tensor};

use super::on_demand::OnDemand;
use super::vae::AutoencoderKl;

/// What the user hears when the VAE has to be computed in f32, once.
const SAID: &str = "the VAE's numbers are too large for f16: from here on it is computed in f32, which needs more \
                    memory. A VAE that was made for f16 (`model.vae`, for Stable Diffusion XL \
                    madebyollin/sdxl-vae-fp16-fix) or model.dtype = \"bf16\" avoids that";

/// A VAE, loaded when it is used, with another copy for numbers that overflow.
#[derive(Debug)]
pub struct FiniteVae {
    usual: OnDemand<AutoencoderKl>,
    /// The same VAE in f32, if the usual one computes in f16.
    wide: Option<OnDemand<AutoencoderKl>>,
    overflowed: AtomicBool,
    told: AtomicBool,
}

impl FiniteVae {
    pub(super) fn new(usual: OnDemand<AutoencoderKl>, wide: Option<OnDemand<AutoencoderKl>>) -> Self {
        Self { usual, wide, overflowed: AtomicBool::new(false), told: AtomicBool::new(false) }
    }

    /// The VAE that is used now.
    ///
    /// # Errors
    /// A file that can no longer be read, a device without room.
    pub fn get(&self) -> Result<Arc<AutoencoderKl>> {
        match &self.wide {
            Some(wide) if self.overflowed.load(Ordering::Relaxed) => wide.get(),
            _ => self.usual.get(),
        }
    }

    /// [`AutoencoderKl::decode`], in f32 where f16 overflows.
    ///
    /// # Errors
    /// Those of that function and of [`get`](Self::get).
    pub fn decode(&self, latents: &Tensor) -> Result<Tensor> {
        self.finite(|vae| vae.decode(latents), is_finite)
    }

    /// [`AutoencoderKl::encode`], in f32 where f16 overflows.
    ///
    /// # Errors
    /// Those of that function and of [`get`](Self::get).
    pub fn encode(&self, images: &Tensor) -> Result<(Tensor, Tensor)> {
        self.finite(|vae| vae.encode(images), |(mean, deviation)| Ok(is_finite(mean)? && is_finite(deviation)?))
    }

    /// What the user should know since it was last asked: a plain sentence, told once.
    #[must_use]
    pub fn news(&self) -> Option<&'static str> {
        let untold = self.overflowed.load(Ordering::Relaxed) && !self.told.swap(true, Ordering::Relaxed);
        untold.then_some(SAID)
    }

    /// Frees its memory until it is used again.
    pub fn release(&self) {
        self.usual.release();
        if let Some(wide) = &self.wide {
            wide.release();
        }
    }

    /// The result of the VAE; if that is not finite and there is a wider VAE, its result.
    fn finite<T>(
        &self,
        compute: impl Fn(&AutoencoderKl) -> Result<T>,
        is_finite: impl Fn(&T) -> Result<bool>,
    ) -> Result<T> {
        let result = compute(&*self.get()?)?;
        let Some(wide) = self.wide.as_ref().filter(|_| !self.overflowed.load(Ordering::Relaxed)) else {
            return Ok(result);
        };
        if is_finite(&result)? {
            return Ok(result);
        }
        self.usual.release();
        let result = compute(&*wide.get()?)?;
        // Latents that are no numbers themselves are not the VAE's fault.
        if is_finite(&result)? {
            self.overflowed.store(true, Ordering::Relaxed);
        }
        Ok(result)
    }
}

/// Whether all numbers of a tensor are finite: one that is not makes the sum not finite.
fn is_finite(tensor: &Tensor) -> Result<bool> {
    Ok(tensor.sum_all()?.to_scalar::<f32>()?.is_finite())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use candle_core::{DType, Device};

    use super::*;
    use crate::models::config::VaeConfig;
    use crate::sampling::noise::TorchRng;
    use crate::tensors::{Weights, tensor_file};

    /// The VAE of a small model, the weights of one convolution times `factor`.
    fn vae(folder: &tempfile::TempDir, factor: f64) -> OnDemand<AutoencoderKl> {
        let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models/sd1/vae");
        let config = VaeConfig::read(&golden.join("config.json")).unwrap();
        let own = Weights::open_folder(&golden, "diffusion_pytorch_model").unwrap();
        let read = |name: &str| own.read(name, &Device::Cpu, DType::F32).unwrap().unwrap();
        let scaled = ["decoder.conv_in.weight", "encoder.conv_in.weight"];
        let tensors = own.shapes().map(|(name, _)| match scaled.contains(&name) {
            true => (name.to_owned(), (read(name) * factor).unwrap()),
            false => (name.to_owned(), read(name)),
        });
        let file = folder.path().join(format!("{factor}.safetensors"));
        std::fs::write(&file, tensor_file::write(&tensors.collect(), &Default::default()).unwrap()).unwrap();
        OnDemand::new(move || AutoencoderKl::load(&config, &Weights::open(&file)?, &Device::Cpu, DType::F32))
    }

    #[test]
    fn what_overflows_is_computed_in_the_wider_type_and_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = TorchRng::new(3);
        let latents = rng.randn_tensor(&[1, 4, 4, 4]).unwrap();
        let image = rng.randn_tensor(&[1, 3, 16, 16]).unwrap();
        let numbers = |tensor: Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let good = vae(&folder, 1.0).get().unwrap();
        let (picture, (mean, _)) = (numbers(good.decode(&latents).unwrap()), good.encode(&image).unwrap());
        let mean = numbers(mean);
        // On the CPU the activations are f32: only weights beyond its range overflow, as f16's do on a GPU.
        for decodes in [true, false] {
            let both = FiniteVae::new(vae(&folder, 1e39), Some(vae(&folder, 1.0)));
            assert_eq!(both.news(), None);
            if decodes {
                assert_eq!(numbers(both.decode(&latents).unwrap()), picture);
            } else {
                assert_eq!(numbers(both.encode(&image).unwrap().0), mean);
            }
            assert!(both.news().is_some_and(|text| text.contains("sdxl-vae-fp16-fix")));
            assert_eq!(both.news(), None, "once");
            both.release();
            assert_eq!(numbers(both.decode(&latents).unwrap()), picture);
            assert_eq!(both.news(), None);
        }
        // Where nothing overflows, the usual one is used, and where latents are no numbers, nothing is said.
        let both = FiniteVae::new(vae(&folder, 1.0), Some(vae(&folder, 1e39)));
        assert_eq!(numbers(both.decode(&latents).unwrap()), picture);
        let none = (&latents * f64::NAN).unwrap();
        let both = FiniteVae::new(vae(&folder, 1.0), Some(vae(&folder, 1.0)));
        assert!(numbers(both.decode(&none).unwrap()).iter().any(|value| value.is_nan()));
        assert_eq!(both.news(), None);
        // Without a wider one the result is what it is.
        let one = FiniteVae::new(vae(&folder, 1e39), None);
        assert!(numbers(one.decode(&latents).unwrap()).iter().any(|value| !value.is_finite()));
        assert_eq!(one.news(), None);
    }
}
