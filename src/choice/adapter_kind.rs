//! The kinds of adapters, by the names that people use.

use super::words::{Choice, written_as_word};

/// How an adapter changes a layer. The formulas and the names of the tensors are in `models::delta`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    #[default]
    /// The product of two small matrices is added to the weight.
    Lora,
    /// The products of two pairs of small matrices, multiplied number by number, are added to the weight.
    Loha,
    /// The Kronecker product of two small matrices is added to the weight.
    Lokr,
    /// A LoRA, and the changed weight of each output gets a length that is trained, too.
    Dora,
}

impl Choice for AdapterKind {
    const NOUN: &'static str = "adapter";
    const ALL: &'static [(&'static str, Self)] =
        &[("lora", Self::Lora), ("loha", Self::Loha), ("lokr", Self::Lokr), ("dora", Self::Dora)];
}

written_as_word!(AdapterKind);

impl AdapterKind {
    /// Its name as its authors write it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Lora => "LoRA",
            Self::Loha => "LoHa",
            Self::Lokr => "LoKr",
            Self::Dora => "DoRA",
        }
    }

    /// Whether it is the kind that stored results do not name: once there was no other one.
    #[must_use]
    pub fn is_lora(&self) -> bool {
        *self == Self::Lora
    }
}
