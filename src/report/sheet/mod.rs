//! The pictures that people post: `grid.png`, the comparison on sheets of about 3:2, and `card.png`, the study at a
//! glance. Everything on them is labelled, and they have the same pixels on every machine.

mod arrange;
mod card;
mod draw;
mod header;
mod paint;
mod pick;

pub(crate) use card::{CARD, card};
pub(crate) use draw::{names, sheets};
