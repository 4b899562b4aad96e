//! What the verdict of a study is about.

use super::words::{Choice, written_as_word};

/// What the verdict of a study is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// The likeness to the subject if the study names an encoder for it, else the loss on held-out photos.
    Auto,
    /// The likeness to the subject.
    Identity,
    /// The denoising loss on the held-out photos.
    HeldOutLoss,
}

impl Choice for Question {
    const NOUN: &'static str = "question";
    const ALL: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("identity", Self::Identity), ("held-out-loss", Self::HeldOutLoss)];
}

written_as_word!(Question);
