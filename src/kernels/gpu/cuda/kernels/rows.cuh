// Copies and sums of rows of channels, and upsampling.

#pragma once

#include "numbers.cuh"

// Every row becomes `row`.
template <class T>
__device__ void fill_rows(T* y, const T* row, long long count, int channels) {
    long long i = index();
    if (i < count) y[i] = row[i % channels];
}

// y = x + rows. Rows have `channels` numbers; each of `rows` is added to `repeated` rows of x.
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

// Copies `channels` channels of `all`, beginning with channel `first`.
template <class T>
__device__ void part(const T* x, T* y, long long count, int all, int first, int channels) {
    long long i = index();
    if (i < count) y[i] = x[i / channels * all + first + i % channels];
}

// Copies every pixel four times. If a new size is odd, the last row or column is left out.
template <class T>
__device__ void upsample(const T* x, T* y, long long count, int height, int width, int to_height, int to_width,
                         int channels) {
    long long i = index();
    if (i >= count) return;
    int c = i % channels;
    Place to = place(i / channels, to_height, to_width);
    y[i] = x[((to.image * height + to.row / 2) * width + to.column / 2) * channels + c];
}

template <class T>
__device__ void upsample_backward(const T* grad, T* dx, long long count, int height, int width, int to_height,
                                  int to_width, int channels) {
    long long i = index();
    if (i >= count) return;
    int c = i % channels;
    Place own = place(i / channels, height, width);
    int column = 2 * own.column, row = 2 * own.row;
    float all = 0;
    for (int y = row; y < min(row + 2, to_height); y++)
        for (int x = column; x < min(column + 2, to_width); x++)
            all += load(grad, ((own.image * to_height + y) * to_width + x) * channels + c);
    store(dx, i, all);
}

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
