// Numbers in memory and registers, sums over a block, and the entry points of a kernel for every type of number.

#pragma once

#include <cuda_fp16.h>

struct bf16 {
    unsigned short bits;
};

__device__ inline float load(const float* x, long long i) { return x[i]; }
__device__ inline float load(const bf16* x, long long i) { return __uint_as_float((unsigned)x[i].bits << 16); }
__device__ inline void store(float* y, long long i, float x) { y[i] = x; }
// Rounds to the nearest number, and halfway cases to the even one.
__device__ inline void store(bf16* y, long long i, float x) {
    unsigned bits = __float_as_uint(x);
    bool nan = (bits & 0x7fffffff) > 0x7f800000;
    y[i].bits = nan ? 0x7fc0 : (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

__device__ inline float load(const __half* x, long long i) { return __half2float(x[i]); }
__device__ inline void store(__half* y, long long i, float x) { y[i] = __float2half_rn(x); }

__device__ float over_block(float x, bool maximum) {
    __shared__ float parts[32];
    for (int lane = 16; lane; lane >>= 1) {
        float other = __shfl_xor_sync(0xffffffffu, x, lane);
        x = maximum ? fmaxf(x, other) : x + other;
    }
    __syncthreads();  // now all threads have read the parts of the previous call
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    x = parts[0];
    for (int i = 1; i < blockDim.x / 32; i++) x = maximum ? fmaxf(x, parts[i]) : x + parts[i];
    return x;
}
__device__ inline float sum(float x) { return over_block(x, false); }
__device__ inline float maximum(float x) { return over_block(x, true); }

// The index of this thread among all of a grid of one dimension.
__device__ inline long long index() { return (long long)blockIdx.x * blockDim.x + threadIdx.x; }

// Where a pixel lies among images of `height` times `width`.
struct Place {
    long long image;
    int row, column;
};
__device__ inline Place place(long long pixel, int height, int width) {
    int column = pixel % width, row = pixel / width % height;
    return {pixel / width / height, row, column};
}

#define ENTRY extern "C" __global__ void __launch_bounds__(1024)
#define KERNEL(name, parameters, arguments)                   \
    ENTRY name##_f32 parameters(float) { name arguments; }    \
    ENTRY name##_bf16 parameters(bf16) { name arguments; }    \
    ENTRY name##_f16 parameters(__half) { name arguments; }
