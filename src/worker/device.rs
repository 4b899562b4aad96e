//! From the `device` setting to a candle device.

use candle_core::Device;
use thiserror::Error;

use crate::choice::{self, DeviceClass};
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
pub fn open(device: choice::Device) -> Result<Device, DeviceError> {
    let fail = |wanted, error: candle_core::Error| DeviceError { wanted, reason: error.to_string() };
    match device {
        choice::Device::Cpu => Ok(Device::Cpu),
        choice::Device::Cuda(number) if candle_core::utils::cuda_is_available() => {
            cuda_device(number).map_err(|error| fail("cuda", error))
        }
        choice::Device::Cuda(_) => Err(DeviceError {
            wanted: "cuda",
            reason: "this runner was built without CUDA; build it with `cargo build --release --features cuda`, or \
                     use `device = \"auto\"`"
                .into(),
        }),
        choice::Device::Metal if candle_core::utils::metal_is_available() => {
            Device::new_metal(0).map_err(|error| fail("metal", error))
        }
        choice::Device::Metal => Err(DeviceError {
            wanted: "metal",
            reason: "this runner was built without Metal; build it with `cargo build --release --features metal`, or \
                     use `device = \"auto\"`"
                .into(),
        }),
        choice::Device::Auto => {
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

/// The class of an open device.
#[must_use]
pub fn class(device: &Device) -> DeviceClass {
    match device {
        Device::Cpu => DeviceClass::Cpu,
        Device::Cuda(_) => DeviceClass::Cuda,
        Device::Metal(_) => DeviceClass::Metal,
    }
}

/// The class that `auto` would choose on this machine, as far as it can be known without opening a device.
#[must_use]
pub fn likely_class() -> DeviceClass {
    if candle_core::utils::cuda_is_available() && has_nvidia_driver() {
        DeviceClass::Cuda
    } else if candle_core::utils::metal_is_available() {
        DeviceClass::Metal
    } else {
        DeviceClass::Cpu
    }
}

/// Whether a driver is there and `CUDA_VISIBLE_DEVICES` does not hide every GPU.
fn has_nvidia_driver() -> bool {
    let is_hidden = std::env::var("CUDA_VISIBLE_DEVICES").is_ok_and(|list| matches!(list.trim(), "" | "-1"));
    let driver = cfg!(windows) || ["/dev/nvidiactl", "/dev/dxg"].iter().any(|file| std::path::Path::new(file).exists());
    driver && !is_hidden
}

/// What people call an open device: `cpu`, `cuda:1` or `metal`.
#[must_use]
pub fn name(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cpu => "cpu".to_owned(),
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        candle_core::DeviceLocation::Metal { .. } => "metal".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_always_finds_a_device() {
        assert!(open(choice::Device::Auto).is_ok());
        assert_eq!(class(&open(choice::Device::Cpu).unwrap()), DeviceClass::Cpu);
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_missing_feature_is_named() {
        let error = open(choice::Device::Cuda(0)).unwrap_err().to_string();
        assert!(error.contains("--features cuda"), "{error}");
    }
}
