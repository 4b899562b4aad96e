// Normalises every group of channels of an image, with SiLU after it if asked for.

#pragma once

#include "activation.cuh"

// For every channel in the rows of block (x: chunk, y: image): its mean, and the sum of squared distances from it.
template <class T>
__device__ void channel_statistics(const T* x, float* parts, int pixels, int channels, int rows) {
    int first = blockIdx.x * rows, count = min(rows, pixels - first);
    x += ((long long)blockIdx.y * pixels + first) * channels;
    parts += ((long long)blockIdx.y * gridDim.x + blockIdx.x) * channels * 2;
    for (int c = threadIdx.x; c < channels; c += blockDim.x) {
        float all = 0, squares = 0;
        for (int r = 0; r < count; r++) all += load(x, (long long)r * channels + c);
        float mean = all / count;
        for (int r = 0; r < count; r++) {
            float distance = load(x, (long long)r * channels + c) - mean;
            squares += distance * distance;
        }
        parts[2 * c] = mean, parts[2 * c + 1] = squares;
    }
}

// The mean and 1 / deviation of group x of image y, from the statistics of its channels in every chunk
// (Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance").
__device__ void group_statistics(const float* parts, float* statistics, int pixels, int channels, int groups, int rows,
                                 float eps) {
    int size = channels / groups, chunks = (pixels + rows - 1) / rows, entries = chunks * size;
    parts += ((long long)blockIdx.y * chunks * channels + blockIdx.x * size) * 2;
    float all = 0, squares = 0, numbers = (float)pixels * size;
    for (int i = threadIdx.x; i < entries; i += blockDim.x) {
        int chunk = i / size, count = min(rows, pixels - chunk * rows);
        all += count * parts[((long long)chunk * channels + i % size) * 2];
    }
    float mean = sum(all) / numbers;
    for (int i = threadIdx.x; i < entries; i += blockDim.x) {
        int chunk = i / size, count = min(rows, pixels - chunk * rows);
        const float* part = parts + ((long long)chunk * channels + i % size) * 2;
        squares += part[1] + count * (part[0] - mean) * (part[0] - mean);
    }
    float variance = sum(squares) / numbers;
    if (threadIdx.x == 0) {
        float* own = statistics + 2 * (blockIdx.y * groups + blockIdx.x);
        own[0] = mean, own[1] = 1.f / sqrtf(variance + eps);
    }
}

// Normalises image y, which has `pixels` pixels.
template <class T>
__device__ void group_norm(const T* x, const float* statistics, const float* weight, const float* bias, T* y,
                           int pixels, int channels, int groups, int activation) {
    long long i = index(), image = (long long)pixels * channels;
    if (i >= image) return;
    int c = i % channels;
    const float* own = statistics + 2 * (blockIdx.y * groups + c / (channels / groups));
    float normed = (load(x, blockIdx.y * image + i) - own[0]) * own[1] * weight[c] + bias[c];
    store(y, blockIdx.y * image + i, activation ? silu(normed) : normed);
}

// The gradient of the scaled and shifted number, times the scale.
template <class T>
__device__ inline float inner_gradient(const T* grad, long long i, float normalised, float weight, float bias,
                                       int activation) {
    float g = load(grad, i);
    return (activation ? g * silu_slope(normalised * weight + bias) : g) * weight;
}

// For every channel in the rows of block (x: chunk, y: image): the sum of the gradients, followed by the sum of the
// gradients times the normalised numbers.
template <class T>
__device__ void channel_gradients(const T* x, const T* grad, const float* statistics, const float* weight,
                                  const float* bias, float* parts, int pixels, int channels, int groups, int rows,
                                  int activation) {
    int first = blockIdx.x * rows, count = min(rows, pixels - first);
    long long start = ((long long)blockIdx.y * pixels + first) * channels;
    parts += ((long long)blockIdx.y * gridDim.x + blockIdx.x) * channels * 2;
    for (int c = threadIdx.x; c < channels; c += blockDim.x) {
        const float* own = statistics + 2 * (blockIdx.y * groups + c / (channels / groups));
        float gradients = 0, slopes = 0;
        for (int r = 0; r < count; r++) {
            long long i = start + (long long)r * channels + c;
            float normalised = (load(x, i) - own[0]) * own[1];
            float g = inner_gradient(grad, i, normalised, weight[c], bias[c], activation);
            gradients += g, slopes += g * normalised;
        }
        parts[2 * c] = gradients, parts[2 * c + 1] = slopes;
    }
}

// The means of both sums over group x of image y.
__device__ void group_gradients(const float* parts, float* means, int pixels, int channels, int groups, int chunks) {
    int size = channels / groups;
    parts += ((long long)blockIdx.y * chunks * channels + blockIdx.x * size) * 2;
    float gradients = 0, slopes = 0, numbers = (float)pixels * size;
    for (int i = threadIdx.x; i < chunks * size; i += blockDim.x) {
        const float* part = parts + ((long long)(i / size) * channels + i % size) * 2;
        gradients += part[0], slopes += part[1];
    }
    gradients = sum(gradients), slopes = sum(slopes);
    if (threadIdx.x == 0) {
        float* own = means + 2 * (blockIdx.y * groups + blockIdx.x);
        own[0] = gradients / numbers, own[1] = slopes / numbers;
    }
}

template <class T>
__device__ void group_norm_backward(const T* x, const T* grad, const float* statistics, const float* means,
                                    const float* weight, const float* bias, T* dx, int pixels, int channels, int groups,
                                    int activation) {
    long long i = index(), image = (long long)pixels * channels;
    if (i >= image) return;
    int c = i % channels, group = blockIdx.y * groups + c / (channels / groups);
    float scale = statistics[2 * group + 1];
    i += blockIdx.y * image;
    float normalised = (load(x, i) - statistics[2 * group]) * scale;
    float g = inner_gradient(grad, i, normalised, weight[c], bias[c], activation);
    store(dx, i, (g - means[2 * group] - normalised * means[2 * group + 1]) * scale);
}

#define P(T) (const T* x, float* parts, int pixels, int channels, int rows)
KERNEL(channel_statistics, P, (x, parts, pixels, channels, rows))
#undef P
#define P(T)                                                                                                      \
    (const T* x, const float* statistics, const float* weight, const float* bias, T* y, int pixels, int channels, \
     int groups, int activation)
KERNEL(group_norm, P, (x, statistics, weight, bias, y, pixels, channels, groups, activation))
#undef P
#define P(T)                                                                                                   \
    (const T* x, const T* grad, const float* statistics, const float* weight, const float* bias, float* parts, \
     int pixels, int channels, int groups, int rows, int activation)
KERNEL(channel_gradients, P, (x, grad, statistics, weight, bias, parts, pixels, channels, groups, rows, activation))
#undef P
#define P(T)                                                                                                         \
    (const T* x, const T* grad, const float* statistics, const float* means, const float* weight, const float* bias, \
     T* dx, int pixels, int channels, int groups, int activation)
KERNEL(group_norm_backward, P, (x, grad, statistics, means, weight, bias, dx, pixels, channels, groups, activation))
#undef P

ENTRY group_statistics_f32(const float* parts, float* statistics, int pixels, int channels, int groups, int rows,
                           float eps) {
    group_statistics(parts, statistics, pixels, channels, groups, rows, eps);
}
ENTRY group_gradients_f32(const float* parts, float* means, int pixels, int channels, int groups, int chunks) {
    group_gradients(parts, means, pixels, channels, groups, chunks);
}
