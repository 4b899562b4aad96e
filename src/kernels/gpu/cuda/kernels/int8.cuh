// Weights that are stored as 8-bit integers.

#pragma once

#include "numbers.cuh"

// Makes integers numbers again. An integer is stored as itself plus 128; each row of `columns` integers has a factor.
template <class T>
__device__ void widen_int8(const unsigned char* integers, const float* factors, T* y, long long count, int columns) {
    long long i = index();
    if (i < count) store(y, i, (float)((int)integers[i] - 128) * factors[i / columns]);
}

#define P(T) (const unsigned char* integers, const float* factors, T* y, long long count, int columns)
KERNEL(widen_int8, P, (integers, factors, y, count, columns))
#undef P
