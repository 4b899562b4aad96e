// Attention's softmax.

#pragma once

#include "numbers.cuh"

// One block computes one row of scores. A head has `queries` rows, beginning with query `first`. If `causal`, query t
// sees the keys 0..=t only.
template <class T>
__device__ void softmax(const float* scores, T* weights, int keys, int queries, int first, float scale, int causal) {
    scores += (long long)blockIdx.x * keys, weights += (long long)blockIdx.x * keys;
    int seen = causal ? first + (int)(blockIdx.x % queries) + 1 : keys;
    float largest = -INFINITY, all = 0;
    for (int k = threadIdx.x; k < seen; k += blockDim.x) largest = fmaxf(largest, scores[k]);
    largest = maximum(largest);
    for (int k = threadIdx.x; k < seen; k += blockDim.x) all += expf((scores[k] - largest) * scale);
    all = sum(all);
    for (int k = threadIdx.x; k < keys; k += blockDim.x)
        store(weights, k, k < seen ? expf((scores[k] - largest) * scale) / all : 0.f);
}

// Maps the gradients of the weights to those of the scores before scaling.
template <class T>
__device__ void softmax_backward(const T* weights, const float* grad, T* dscores, int keys, float scale) {
    long long row = (long long)blockIdx.x * keys;
    weights += row, grad += row, dscores += row;
    float all = 0;
    for (int k = threadIdx.x; k < keys; k += blockDim.x) all += load(weights, k) * grad[k];
    all = sum(all);
    for (int k = threadIdx.x; k < keys; k += blockDim.x) store(dscores, k, load(weights, k) * (grad[k] - all) * scale);
}

#define P(T) (const float* scores, T* weights, int keys, int queries, int first, float scale, int causal)
KERNEL(softmax, P, (scores, weights, keys, queries, first, scale, causal))
#undef P
#define P(T) (const T* weights, const float* grad, T* dscores, int keys, float scale)
KERNEL(softmax_backward, P, (weights, grad, dscores, keys, scale))
#undef P
