//! The comparison of images: the real subject and what one chooses above, tables of images below. Without a script all
//! tables stand one below the other; the script shows one and turns the rest into tabs and sliders.

mod block;
mod compare;
mod controls;
mod losses;
mod page;
mod real;
mod rows;
#[cfg(test)]
mod tests;

pub(crate) use compare::Compare;
pub(crate) use page::markup;
