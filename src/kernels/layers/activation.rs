//! The activation after a normalisation.

/// The activation that a normalisation applies to its result in the same pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// No activation.
    None,
    /// `x · sigmoid(x)`.
    Silu,
}
