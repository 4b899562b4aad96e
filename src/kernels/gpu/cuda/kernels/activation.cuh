// Activations and their slopes.

#pragma once

#include "numbers.cuh"

__device__ inline float sigmoid(float x) { return 1.f / (1.f + expf(-x)); }
__device__ inline float silu(float x) { return x * sigmoid(x); }
__device__ inline float silu_slope(float x) {
    float s = sigmoid(x);
    return s * (1.f + x * (1.f - s));
}
// The distribution function and the density of the normal distribution.
__device__ inline float normal(float x) { return .5f * (1.f + erff(x * .70710678118654752f)); }
__device__ inline float density(float x) { return .39894228040143268f * expf(-.5f * x * x); }

template <class T>
__device__ void silu(const T* x, T* y, long long count) {
    long long i = index();
    if (i < count) store(y, i, silu(load(x, i)));
}
template <class T>
__device__ void silu_backward(const T* x, const T* grad, T* dx, long long count) {
    long long i = index();
    if (i < count) store(dx, i, load(grad, i) * silu_slope(load(x, i)));
}
template <class T>
__device__ void gelu(const T* x, T* y, long long count) {
    long long i = index();
    if (i < count) store(y, i, load(x, i) * normal(load(x, i)));
}
template <class T>
__device__ void gelu_backward(const T* x, const T* grad, T* dx, long long count) {
    long long i = index();
    if (i < count) store(dx, i, load(grad, i) * (normal(load(x, i)) + load(x, i) * density(load(x, i))));
}
// x · sigmoid(1.702 x) is silu(1.702 x) / 1.702.
template <class T>
__device__ void quick_gelu(const T* x, T* y, long long count) {
    long long i = index();
    if (i < count) store(y, i, load(x, i) * sigmoid(1.702f * load(x, i)));
}
template <class T>
__device__ void quick_gelu_backward(const T* x, const T* grad, T* dx, long long count) {
    long long i = index();
    if (i < count) store(dx, i, load(grad, i) * silu_slope(1.702f * load(x, i)));
}

template <class T>
__device__ void geglu(const T* x, T* y, long long count, int channels) {
    long long i = index();
    if (i >= count) return;
    long long at = i / channels * 2 * channels + i % channels;
    float gate = load(x, at + channels);
    store(y, i, load(x, at) * gate * normal(gate));
}

template <class T>
__device__ void geglu_backward(const T* x, const T* grad, T* dx, long long count, int channels) {
    long long i = index();
    if (i >= count) return;
    long long at = i / channels * 2 * channels + i % channels;
    float gate = load(x, at + channels), g = load(grad, i), phi = normal(gate);
    store(dx, at, g * gate * phi);
    store(dx, at + channels, g * load(x, at) * (phi + gate * density(gate)));
}

#define P(T) (const T* x, T* y, long long count)
KERNEL(silu, P, (x, y, count))
KERNEL(gelu, P, (x, y, count))
KERNEL(quick_gelu, P, (x, y, count))
#undef P
#define P(T) (const T* x, const T* grad, T* dx, long long count)
KERNEL(silu_backward, P, (x, grad, dx, count))
KERNEL(gelu_backward, P, (x, grad, dx, count))
KERNEL(quick_gelu_backward, P, (x, grad, dx, count))
#undef P
#define P(T) (const T* x, T* y, long long count, int channels)
KERNEL(geglu, P, (x, y, count, channels))
#undef P
#define P(T) (const T* x, const T* grad, T* dx, long long count, int channels)
KERNEL(geglu_backward, P, (x, grad, dx, count, channels))
#undef P
