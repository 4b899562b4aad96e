// Kernels for CUDA, channels last. Numbers are f32, bf16 or f16 in memory and f32 in registers. Every sum has one
// order, so that a result repeats to the bit. Blocks have a multiple of 32 threads, up to 1024.

#include "activation.cuh"
#include "adamw.cuh"
#include "group_norm.cuh"
#include "int8.cuh"
#include "layer_norm.cuh"
#include "rows.cuh"
#include "softmax.cuh"
#include "windows.cuh"
