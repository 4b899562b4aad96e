//! Fast operations, each with a slow differentiable twin.
