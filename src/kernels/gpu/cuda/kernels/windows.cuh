// The rows that convolutions multiply.

#pragma once

#include "numbers.cuh"

struct Window {
    int channels, height, width, out_height, out_width, kernel_height, kernel_width, stride, spread, top, left;
};

// Writes what the kernel of a convolution sees at the output pixels from `first` on. Each pixel gives one row: taps row
// by row, and channels within a tap. There are `spread` - 1 zeros between neighbouring pixels, and any number around
// the image. U is as large as the numbers that are copied at once.
template <class U>
__device__ void windows(const U* x, U* rows, Window w, long long first, long long count) {
    long long i = index();
    int taps = w.kernel_height * w.kernel_width, row_length = taps * w.channels;
    if (i >= count * row_length) return;
    long long pixel = first + i / row_length;
    int at = i % row_length, tap = at / w.channels, c = at % w.channels;
    Place out = place(pixel, w.out_height, w.out_width);
    int iy = out.row * w.stride + tap / w.kernel_width - w.top,
        ix = out.column * w.stride + tap % w.kernel_width - w.left;
    bool inside = iy >= 0 && ix >= 0 && iy % w.spread == 0 && ix % w.spread == 0;
    iy /= w.spread, ix /= w.spread;
    inside = inside && iy < w.height && ix < w.width;
    U zero = {};
    rows[i] = inside ? x[((out.image * w.height + iy) * w.width + ix) * w.channels + c] : zero;
}

#define WINDOWS(bits, U)                                                                                          \
    ENTRY windows_##bits(const U* x, U* rows, int channels, int height, int width, int out_height, int out_width, \
                         int kernel_height, int kernel_width, int stride, int spread, int top, int left,          \
                         long long first, long long count) {                                                      \
        Window w = {channels, height, width, out_height, out_width, kernel_height,                                \
                    kernel_width, stride, spread, top, left};                                                     \
        windows(x, rows, w, first, count);                                                                        \
    }
WINDOWS(16, unsigned short)
WINDOWS(32, unsigned)
WINDOWS(128, uint4)
