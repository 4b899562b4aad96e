// Normalises every row.

#pragma once

#include "numbers.cuh"

// One block computes one row.
template <class T>
__device__ void layer_norm(const T* x, const float* weight, const float* bias, T* y, int channels, float eps) {
    x += (long long)blockIdx.x * channels, y += (long long)blockIdx.x * channels;
    float all = 0, squares = 0;
    for (int c = threadIdx.x; c < channels; c += blockDim.x) all += load(x, c);
    float mean = sum(all) / channels;
    for (int c = threadIdx.x; c < channels; c += blockDim.x) squares += (load(x, c) - mean) * (load(x, c) - mean);
    float scale = 1.f / sqrtf(sum(squares) / channels + eps);
    for (int c = threadIdx.x; c < channels; c += blockDim.x)
        store(y, c, (load(x, c) - mean) * scale * weight[c] + bias[c]);
}

template <class T>
__device__ void layer_norm_backward(const T* x, const float* weight, const T* grad, T* dx, int channels, float eps) {
    long long row = (long long)blockIdx.x * channels;
    x += row, grad += row, dx += row;
    float all = 0, squares = 0, gradients = 0, slopes = 0;
    for (int c = threadIdx.x; c < channels; c += blockDim.x) all += load(x, c);
    float mean = sum(all) / channels;
    for (int c = threadIdx.x; c < channels; c += blockDim.x) squares += (load(x, c) - mean) * (load(x, c) - mean);
    float scale = 1.f / sqrtf(sum(squares) / channels + eps);
    for (int c = threadIdx.x; c < channels; c += blockDim.x) {
        float g = load(grad, c) * weight[c];
        gradients += g, slopes += g * (load(x, c) - mean) * scale;
    }
    float gradient = sum(gradients) / channels, slope = sum(slopes) / channels;
    for (int c = threadIdx.x; c < channels; c += blockDim.x)
        store(dx, c, (load(grad, c) * weight[c] - gradient - (load(x, c) - mean) * scale * slope) * scale);
}

#define P(T) (const T* x, const float* weight, const float* bias, T* y, int channels, float eps)
KERNEL(layer_norm, P, (x, weight, bias, y, channels, eps))
#undef P
#define P(T) (const T* x, const float* weight, const T* grad, T* dx, int channels, float eps)
KERNEL(layer_norm_backward, P, (x, weight, grad, dx, channels, eps))
#undef P
