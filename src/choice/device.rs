//! Where tensors live.

use serde::{Deserialize, Serialize};

use super::words::{Choice, written_as_word};

/// A device as the user names it. The default is [`Device::Auto`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// CUDA or Metal when compiled in and present, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device of that number.
    Cuda(usize),
    /// Apple's GPU.
    Metal,
}

impl Device {
    /// What may be written.
    pub const EXPECTED: &'static str = "auto, cpu, cuda, cuda:<number> or metal";
    /// The words without a number.
    pub const WORDS: [&'static str; 4] = ["auto", "cpu", "cuda", "metal"];
    /// No machine has this many CUDA devices.
    pub const MAX_CUDA: usize = 1024;

    /// Reads `auto`, `cpu`, `cuda` (the first one), `cuda:1` or `metal`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = || text.strip_prefix("cuda:")?.parse().ok().filter(|number| *number < Self::MAX_CUDA);
        match text {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            "metal" => Some(Self::Metal),
            _ => number().map(Self::Cuda),
        }
    }

    /// The class of the device; `None` for `auto`, which only the machine can tell.
    #[must_use]
    pub fn class(self) -> Option<DeviceClass> {
        match self {
            Self::Auto => None,
            Self::Cpu => Some(DeviceClass::Cpu),
            Self::Cuda(_) => Some(DeviceClass::Cuda),
            Self::Metal => Some(DeviceClass::Metal),
        }
    }
}

impl std::str::FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| format!("expected {}", Self::EXPECTED))
    }
}

/// A kind of device. Results are reproducible within a class, so it is part of every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceClass {
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
    /// Apple's GPU.
    Metal,
}

impl Choice for DeviceClass {
    const NOUN: &'static str = "device class";
    const ALL: &'static [(&'static str, Self)] = &[("cpu", Self::Cpu), ("cuda", Self::Cuda), ("metal", Self::Metal)];
}

written_as_word!(DeviceClass);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read() {
        let cases = [("auto", Device::Auto), ("cpu", Device::Cpu), ("cuda", Device::Cuda(0)), ("metal", Device::Metal)];
        for (text, device) in cases {
            assert_eq!(Device::parse(text), Some(device));
        }
        assert_eq!(Device::parse("cuda:3"), Some(Device::Cuda(3)));
        for text in ["", "gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:1024", "CPU"] {
            assert_eq!(Device::parse(text), None, "{text}");
        }
    }
}
