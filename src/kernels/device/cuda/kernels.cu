// Kernels for CUDA, channels last. Numbers are f32, bf16 or f16 in memory and f32 in registers; every sum has one order, so that a result
// repeats to the bit. Blocks have a multiple of 32 threads, up to 1024.

#include <cuda_fp16.h>

struct bf16 {
    unsigned short bits;
};

__device__ inline float load(const float* x, long long i) { return x[i]; }
__device__ inline float load(const bf16* x, long long i) { return __uint_as_float((unsigned)x[i].bits << 16); }
__device__ inline void store(float* y, long long i, float x) { y[i] = x; }
// To the nearest, halfway cases to the even one.
__device__ inline void store(bf16* y, long long i, float x) {
    unsigned bits = __float_as_uint(x);
    bool nan = (bits & 0x7fffffff) > 0x7f800000;
    y[i].bits = nan ? 0x7fc0 : (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

__device__ inline float load(const __half* x, long long i) { return __half2float(x[i]); }
__device__ inline void store(__half* y, long long i, float x) { y[i] = __float2half_rn(x); }

__device__ inline float sigmoid(float x) { return 1.f / (1.f + expf(-x)); }
__device__ inline float silu(float x) { return x * sigmoid(x); }
__device__ inline float silu_slope(float x) {
    float s = sigmoid(x);
    return s * (1.f + x * (1.f - s));
}
// The normal distribution's function and density.
__device__ inline float normal(float x) { return .5f * (1.f + erff(x * .70710678118654752f)); }
__device__ inline float density(float x) { return .39894228040143268f * expf(-.5f * x * x); }

__device__ float over_block(float x, bool maximum) {
    __shared__ float parts[32];
    for (int lane = 16; lane; lane >>= 1) {
        float other = __shfl_xor_sync(0xffffffffu, x, lane);
        x = maximum ? fmaxf(x, other) : x + other;
    }
    __syncthreads();  // those of the call before have been read
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

// Every row becomes `row`.
template <class T>
__device__ void fill_rows(T* y, const T* row, long long count, int channels) {
    long long i = index();
    if (i < count) y[i] = row[i % channels];
}

// y = x + rows, one row for `repeated` rows of `channels` numbers.
template <class T>
__device__ void add_rows(const T* x, const T* rows, T* y, long long count, int repeated, int channels) {
    long long i = index();
    if (i < count) store(y, i, load(x, i) + load(rows, i / channels / repeated * channels + i % channels));
}

// The channels of x followed by those of y.
template <class T>
__device__ void concatenate(const T* x, const T* y, T* both, long long count, int channels, int others) {
    long long i = index();
    if (i >= count) return;
    long long row = i / (channels + others);
    int c = i % (channels + others);
    both[i] = c < channels ? x[row * channels + c] : y[row * others + c - channels];
}

// `channels` of all `all` channels, beginning with `first`.
template <class T>
__device__ void part(const T* x, T* y, long long count, int all, int first, int channels) {
    long long i = index();
    if (i < count) y[i] = x[i / channels * all + first + i % channels];
}

// Every pixel four times, but for the last row or column where the size is odd.
template <class T>
__device__ void upsample(const T* x, T* y, long long count, int height, int width, int to_height, int to_width, int channels) {
    long long i = index();
    if (i >= count) return;
    int c = i % channels;
    long long pixel = i / channels;
    int column = pixel % to_width, row = pixel / to_width % to_height;
    long long image = pixel / to_width / to_height;
    y[i] = x[((image * height + row / 2) * width + column / 2) * channels + c];
}

template <class T>
__device__ void upsample_backward(const T* grad, T* dx, long long count, int height, int width, int to_height, int to_width, int channels) {
    long long i = index();
    if (i >= count) return;
    int c = i % channels;
    long long pixel = i / channels;
    int column = 2 * (pixel % width), row = 2 * (pixel / width % height);
    long long image = pixel / width / height;
    float all = 0;
    for (int y = row; y < min(row + 2, to_height); y++)
        for (int x = column; x < min(column + 2, to_width); x++) all += load(grad, ((image * to_height + y) * to_width + x) * channels + c);
    store(dx, i, all);
}

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

// A block a row.
template <class T>
__device__ void layer_norm(const T* x, const float* weight, const float* bias, T* y, int channels, float eps) {
    x += (long long)blockIdx.x * channels, y += (long long)blockIdx.x * channels;
    float all = 0, squares = 0;
    for (int c = threadIdx.x; c < channels; c += blockDim.x) all += load(x, c);
    float mean = sum(all) / channels;
    for (int c = threadIdx.x; c < channels; c += blockDim.x) squares += (load(x, c) - mean) * (load(x, c) - mean);
    float scale = 1.f / sqrtf(sum(squares) / channels + eps);
    for (int c = threadIdx.x; c < channels; c += blockDim.x) store(y, c, (load(x, c) - mean) * scale * weight[c] + bias[c]);
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

// Of every channel in the rows of block (x: chunk, y: image): mean and sum of squared distances from it, in turns.
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

// Mean and 1 / deviation of group x of image y, from those of its channels in every chunk
// (Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance").
__device__ void group_statistics(const float* parts, float* statistics, int pixels, int channels, int groups, int rows, float eps) {
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

// One image (y) of `pixels` pixels.
template <class T>
__device__ void group_norm(const T* x, const float* statistics, const float* weight, const float* bias, T* y, int pixels, int channels,
                           int groups, int activation) {
    long long i = index(), image = (long long)pixels * channels;
    if (i >= image) return;
    int c = i % channels;
    const float* own = statistics + 2 * (blockIdx.y * groups + c / (channels / groups));
    float normed = (load(x, blockIdx.y * image + i) - own[0]) * own[1] * weight[c] + bias[c];
    store(y, blockIdx.y * image + i, activation ? silu(normed) : normed);
}

// The gradient by the scaled and shifted number, times the scale.
template <class T>
__device__ inline float inner_gradient(const T* grad, long long i, float normalised, float weight, float bias, int activation) {
    float g = load(grad, i);
    return (activation ? g * silu_slope(normalised * weight + bias) : g) * weight;
}

// Of every channel in the rows of block (x: chunk, y: image): sums of the gradients, and of them times the normalised numbers.
template <class T>
__device__ void channel_gradients(const T* x, const T* grad, const float* statistics, const float* weight, const float* bias, float* parts,
                                  int pixels, int channels, int groups, int rows, int activation) {
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

// Their means over group x of image y.
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
__device__ void group_norm_backward(const T* x, const T* grad, const float* statistics, const float* means, const float* weight,
                                    const float* bias, T* dx, int pixels, int channels, int groups, int activation) {
    long long i = index(), image = (long long)pixels * channels;
    if (i >= image) return;
    int c = i % channels, group = blockIdx.y * groups + c / (channels / groups);
    float scale = statistics[2 * group + 1];
    i += blockIdx.y * image;
    float normalised = (load(x, i) - statistics[2 * group]) * scale;
    float g = inner_gradient(grad, i, normalised, weight[c], bias[c], activation);
    store(dx, i, (g - means[2 * group] - normalised * means[2 * group + 1]) * scale);
}

// A block a row of scores, `queries` rows a head, beginning with query `first`. `causal`: query t sees keys 0..=t.
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

// From the gradients by the weights to those by the scores before scaling.
template <class T>
__device__ void softmax_backward(const T* weights, const float* grad, T* dscores, int keys, float scale) {
    long long row = (long long)blockIdx.x * keys;
    weights += row, grad += row, dscores += row;
    float all = 0;
    for (int k = threadIdx.x; k < keys; k += blockDim.x) all += load(weights, k) * grad[k];
    all = sum(all);
    for (int k = threadIdx.x; k < keys; k += blockDim.x) store(dscores, k, load(weights, k) * (grad[k] - all) * scale);
}

struct Window {
    int channels, height, width, out_height, out_width, kernel_height, kernel_width, stride, spread, top, left;
};

// What the kernel of a convolution sees at output pixels `first`.., a row each: taps row by row, channels within. `spread` - 1 zeros lie between
// neighbouring pixels, any number around them. U: as many numbers as are copied at once.
template <class U>
__device__ void windows(const U* x, U* rows, Window w, long long first, long long count) {
    long long i = index();
    int taps = w.kernel_height * w.kernel_width, row_length = taps * w.channels;
    if (i >= count * row_length) return;
    long long pixel = first + i / row_length;
    int at = i % row_length, tap = at / w.channels, c = at % w.channels;
    int out_x = pixel % w.out_width, out_y = pixel / w.out_width % w.out_height;
    long long image = pixel / w.out_width / w.out_height;
    int iy = out_y * w.stride + tap / w.kernel_width - w.top, ix = out_x * w.stride + tap % w.kernel_width - w.left;
    bool inside = iy >= 0 && ix >= 0 && iy % w.spread == 0 && ix % w.spread == 0;
    iy /= w.spread, ix /= w.spread;
    inside = inside && iy < w.height && ix < w.width;
    U zero = {};
    rows[i] = inside ? x[((image * w.height + iy) * w.width + ix) * w.channels + c] : zero;
}

#define ENTRY extern "C" __global__ void __launch_bounds__(1024)
#define KERNEL(name, parameters, arguments)                   \
    ENTRY name##_f32 parameters(float) { name arguments; }    \
    ENTRY name##_bf16 parameters(bf16) { name arguments; }    \
    ENTRY name##_f16 parameters(__half) { name arguments; }

#define P(T) (T * y, const T* row, long long count, int channels)
KERNEL(fill_rows, P, (y, row, count, channels))
#undef P
#define P(T) (const T* x, const T* rows, T* y, long long count, int repeated, int channels)
KERNEL(add_rows, P, (x, rows, y, count, repeated, channels))
#undef P
#define P(T) (const T* x, const T* y, T* both, long long count, int channels, int others)
KERNEL(concatenate, P, (x, y, both, count, channels, others))
#undef P
#define P(T) (const T* x, T* y, long long count, int all, int first, int channels)
KERNEL(part, P, (x, y, count, all, first, channels))
#undef P
#define P(T) (const T* x, T* y, long long count, int height, int width, int to_height, int to_width, int channels)
KERNEL(upsample, P, (x, y, count, height, width, to_height, to_width, channels))
KERNEL(upsample_backward, P, (x, y, count, height, width, to_height, to_width, channels))
#undef P
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
#define P(T) (const T* x, const float* weight, const float* bias, T* y, int channels, float eps)
KERNEL(layer_norm, P, (x, weight, bias, y, channels, eps))
#undef P
#define P(T) (const T* x, const float* weight, const T* grad, T* dx, int channels, float eps)
KERNEL(layer_norm_backward, P, (x, weight, grad, dx, channels, eps))
#undef P
#define P(T) (const T* x, float* parts, int pixels, int channels, int rows)
KERNEL(channel_statistics, P, (x, parts, pixels, channels, rows))
#undef P
#define P(T)                                                                                                                            \
    (const T* x, const float* statistics, const float* weight, const float* bias, T* y, int pixels, int channels, int groups, int activation)
KERNEL(group_norm, P, (x, statistics, weight, bias, y, pixels, channels, groups, activation))
#undef P
#define P(T)                                                                                                                               \
    (const T* x, const T* grad, const float* statistics, const float* weight, const float* bias, float* parts, int pixels, int channels, \
     int groups, int rows, int activation)
KERNEL(channel_gradients, P, (x, grad, statistics, weight, bias, parts, pixels, channels, groups, rows, activation))
#undef P
#define P(T)                                                                                                                               \
    (const T* x, const T* grad, const float* statistics, const float* means, const float* weight, const float* bias, T* dx, int pixels, \
     int channels, int groups, int activation)
KERNEL(group_norm_backward, P, (x, grad, statistics, means, weight, bias, dx, pixels, channels, groups, activation))
#undef P
#define P(T) (const float* scores, T* weights, int keys, int queries, int first, float scale, int causal)
KERNEL(softmax, P, (scores, weights, keys, queries, first, scale, causal))
#undef P
#define P(T) (const T* weights, const float* grad, T* dscores, int keys, float scale)
KERNEL(softmax_backward, P, (weights, grad, dscores, keys, scale))
#undef P

ENTRY group_statistics_f32(const float* parts, float* statistics, int pixels, int channels, int groups, int rows, float eps) {
    group_statistics(parts, statistics, pixels, channels, groups, rows, eps);
}
ENTRY group_gradients_f32(const float* parts, float* means, int pixels, int channels, int groups, int chunks) {
    group_gradients(parts, means, pixels, channels, groups, chunks);
}
#define WINDOWS(bits, U)                                                                                                             \
    ENTRY windows_##bits(const U* x, U* rows, int channels, int height, int width, int out_height, int out_width, \
                                              int kernel_height, int kernel_width, int stride, int spread, int top, int left,          \
                                              long long first, long long count) {                                                     \
        Window w = {channels, height, width, out_height, out_width, kernel_height, kernel_width, stride, spread, top, left};           \
        windows(x, rows, w, first, count);                                                                                             \
    }
WINDOWS(16, unsigned short)
WINDOWS(32, unsigned)
WINDOWS(128, uint4)

// One step of AdamW: a weight, the running means of its gradient and of the gradient's square, in one array each, to `next` in that order.
ENTRY adamw_f32(const float* value, const float* first, const float* second, const float* grad, float* next,
                                     long long count, float new_in_first, float old_in_second, float new_in_second, float kept,
                                     float step_size, float correction, float eps) {
    long long i = index();
    if (i >= count) return;
    float m = first[i] + (grad[i] - first[i]) * new_in_first, v = second[i] * old_in_second + grad[i] * grad[i] * new_in_second;
    next[i] = value[i] * kept - m / (sqrtf(v) * correction + eps) * step_size;
    next[count + i] = m;
    next[2 * count + i] = v;
}
