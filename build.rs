//! Compiles the kernels for CUDA in builds that have it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "cuda")]
    kernels();
}

/// To `all.ptx` in `OUT_DIR`, for the GPU of this machine or `CUDA_COMPUTE_CAP`, as candle's own.
#[cfg(feature = "cuda")]
fn kernels() {
    let folder = "src/kernels/gpu/cuda/kernels";
    let builder = cudaforge::KernelBuilder::new().source_files([format!("{folder}/all.cu")]).watch([folder]);
    if let Err(error) = builder.arg("-std=c++17").arg("-O3").build_ptx() {
        panic!("{folder}: {error}");
    }
}
