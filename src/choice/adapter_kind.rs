//! The kinds of adapters, by the names that people use.

use super::words::{Choice, written_as_word};

/// How an adapter changes a layer. The formulas and the names of the tensors are in `models::delta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// The product of two small matrices is added to the weight.
    Lora,
}

impl Choice for AdapterKind {
    const NOUN: &'static str = "adapter";
    const ALL: &'static [(&'static str, Self)] = &[("lora", Self::Lora)];
}

written_as_word!(AdapterKind);
