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

/// A class of devices: results are reproducible within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceClass {
    /// The processor.
    Cpu,
    /// GPUs of NVIDIA.
    Cuda,
    /// GPUs of Apple.
    Metal,
}

impl DeviceClass {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Cuda, Self::Metal];

    /// `cpu`, `cuda` or `metal`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        }
    }

    /// The class of an open device.
    #[must_use]
    pub fn of(device: &Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Cuda(_) => Self::Cuda,
            Device::Metal(_) => Self::Metal,
        }
    }

    /// The class that a setting names; `None` for `auto`.
    #[must_use]
    pub fn of_setting(device: settings::Device) -> Option<Self> {
        match device {
            settings::Device::Auto => None,
            settings::Device::Cpu => Some(Self::Cpu),
            settings::Device::Cuda(_) => Some(Self::Cuda),
            settings::Device::Metal => Some(Self::Metal),
        }
    }

    /// What `auto` would choose on this machine, as far as it can be known without opening a device.
    #[must_use]
    pub fn of_machine() -> Self {
        if candle_core::utils::cuda_is_available() && has_nvidia_driver() {
            Self::Cuda
        } else if candle_core::utils::metal_is_available() {
            Self::Metal
        } else {
            Self::Cpu
        }
    }
}

impl std::fmt::Display for DeviceClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
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
        assert!(open(settings::Device::Auto).is_ok());
        assert_eq!(DeviceClass::of(&open(settings::Device::Cpu).unwrap()), DeviceClass::Cpu);
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_missing_feature_is_named() {
        let error = open(settings::Device::Cuda(0)).unwrap_err().to_string();
        assert!(error.contains("--features cuda"), "{error}");
    }
}
