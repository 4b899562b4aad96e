// The optimizer.

#pragma once

#include "numbers.cuh"

// One step of AdamW. The new weight, the mean of its gradients and the mean of their squares are written to `next` in
// this order, one array after the other.
ENTRY adamw_f32(const float* value, const float* first, const float* second, const float* grad, float* next,
                long long count, float new_in_first, float old_in_second, float new_in_second, float kept,
                float step_size, float correction, float eps) {
    long long i = index();
    if (i >= count) return;
    float m = first[i] + (grad[i] - first[i]) * new_in_first,
        v = second[i] * old_in_second + grad[i] * grad[i] * new_in_second;
    next[i] = value[i] * kept - m / (sqrtf(v) * correction + eps) * step_size;
    next[count + i] = m;
    next[2 * count + i] = v;
}
