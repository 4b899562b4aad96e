//! The colours captions name.

use crate::vec3::Vec3;

/// A colour with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Red,
    Orange,
    Yellow,
    Green,
    Blue,
    Purple,
    Pink,
    White,
    Black,
    Brown,
    Gray,
}

impl Color {
    pub const ALL: [Self; 11] = [
        Self::Red,
        Self::Orange,
        Self::Yellow,
        Self::Green,
        Self::Blue,
        Self::Purple,
        Self::Pink,
        Self::White,
        Self::Black,
        Self::Brown,
        Self::Gray,
    ];

    /// The word in captions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Purple => "purple",
            Self::Pink => "pink",
            Self::White => "white",
            Self::Black => "black",
            Self::Brown => "brown",
            Self::Gray => "gray",
        }
    }

    /// Linear RGB.
    pub fn rgb(self) -> Vec3 {
        match self {
            Self::Red => [0.85, 0.12, 0.12],
            Self::Orange => [0.95, 0.5, 0.1],
            Self::Yellow => [0.96, 0.83, 0.15],
            Self::Green => [0.15, 0.6, 0.2],
            Self::Blue => [0.13, 0.3, 0.82],
            Self::Purple => [0.5, 0.2, 0.7],
            Self::Pink => [0.97, 0.5, 0.68],
            Self::White => [0.95, 0.95, 0.95],
            Self::Black => [0.07, 0.07, 0.08],
            Self::Brown => [0.42, 0.24, 0.12],
            Self::Gray => [0.5, 0.5, 0.52],
        }
    }
}
