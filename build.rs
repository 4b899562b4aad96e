//! Compiles the kernels for CUDA in builds that have it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "cuda")]
    kernels();
}

/// To `kernels.ptx` in `OUT_DIR`, for the GPU of this machine or `CUDA_COMPUTE_CAP`, as candle's own.
#[cfg(feature = "cuda")]
fn kernels() {
    let source = "src/kernels/device/cuda/kernels.cu";
    let built = cudaforge::KernelBuilder::new().source_files([source]).arg("-std=c++17").arg("-O3").build_ptx();
    if let Err(error) = built {
        panic!("{source}: {error}");
    }
}
