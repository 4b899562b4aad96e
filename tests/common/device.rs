//! The device the tests compute on.

#![allow(dead_code)] // each test file uses a part

use std::sync::OnceLock;

use candle_core::{Device, Tensor};

/// The CPU, or what `RUNNER_TEST_DEVICE` names: `cuda` or `metal`, in a build with that feature.
pub(crate) fn device() -> &'static Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| match name().as_str() {
        "cpu" => Device::Cpu,
        "cuda" => runner::kernels::cuda_device(0).unwrap(),
        "metal" => Device::new_metal(0).unwrap(),
        other => panic!("RUNNER_TEST_DEVICE is {other}: expected cpu, cuda or metal"),
    })
}

/// The name of [`device`], as an experiment file has it.
pub(crate) fn name() -> String {
    std::env::var("RUNNER_TEST_DEVICE").unwrap_or_else(|_| "cpu".to_owned())
}

/// `x` on [`device`].
pub(crate) fn there(x: &Tensor) -> Tensor {
    x.to_device(device()).unwrap()
}

/// The largest error allowed on this device where a CPU may be off by `cpu`: libraries of other devices may sum in
/// another order.
pub(crate) fn tolerance(cpu: f32) -> f32 {
    if device().is_cpu() { cpu } else { cpu.max(1e-4) }
}
