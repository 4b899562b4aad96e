//! What an image encoder is used for.

use super::words::{Choice, written_as_word};

/// What an image encoder is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Whether an image shows the subject: likeness, copying, variety and leak.
    Identity,
    /// Whether an image shows what its prompt says. The encoder must read texts, as CLIP does.
    Prompt,
}

impl Choice for Purpose {
    const NOUN: &'static str = "purpose of an encoder";
    const ALL: &'static [(&'static str, Self)] = &[("identity", Self::Identity), ("prompt", Self::Prompt)];
}

written_as_word!(Purpose);
