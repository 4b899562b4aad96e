//! From the `device` setting to a candle device.

use candle_core::Device;
use thiserror::Error;

use crate::experiment::settings;
use crate::kernels::cuda_device;

/// The wanted device is not there.
#[derive(Debug, Error)]
#[error("device `{wanted}` cannot be used: {reason}")]
pub struct DeviceError {
    wanted: &'static str,
    reason: String,
}

/// Opens the device; `auto` takes CUDA or Metal when compiled in and present, else the CPU.
///
/// # Errors
/// Says whether this build lacks the feature or the machine lacks the device.
pub fn open(device: settings::Device) -> Result<Device, DeviceError> {
    let fail = |wanted, error: candle_core::Error| DeviceError { wanted, reason: error.to_string() };
    match device {
        settings::Device::Cpu => Ok(Device::Cpu),
        settings::Device::Cuda(number) if candle_core::utils::cuda_is_available() => {
            cuda_device(number).map_err(|error| fail("cuda", error))
        }
        settings::Device::Cuda(_) => Err(DeviceError {
            wanted: "cuda",
            reason: "this runner was built without CUDA; build it with `cargo build --release --features cuda`, or \
                     use `device = \"auto\"`"
                .into(),
        }),
        settings::Device::Metal if candle_core::utils::metal_is_available() => {
            Device::new_metal(0).map_err(|error| fail("metal", error))
        }
        settings::Device::Metal => Err(DeviceError {
            wanted: "metal",
            reason: "this runner was built without Metal; build it with `cargo build --release --features metal`, or \
                     use `device = \"auto\"`"
                .into(),
        }),
        settings::Device::Auto => {
            // A build with CUDA may run on a machine without a GPU: then the CPU serves.
            if candle_core::utils::cuda_is_available()
                && let Ok(device) = cuda_device(0)
            {
                return Ok(device);
            }
            if candle_core::utils::metal_is_available()
                && let Ok(device) = Device::new_metal(0)
            {
                return Ok(device);
            }
            Ok(Device::Cpu)
        }
    }
}

/// `cpu`, `cuda` or `metal`: results are reproducible within a class of devices.
#[must_use]
pub fn class(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_always_finds_a_device() {
        assert!(open(settings::Device::Auto).is_ok());
        assert_eq!(class(&open(settings::Device::Cpu).unwrap()), "cpu");
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_missing_feature_is_named() {
        let error = open(settings::Device::Cuda(0)).unwrap_err().to_string();
        assert!(error.contains("--features cuda"), "{error}");
    }
}
