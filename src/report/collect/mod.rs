//! From plan and store to [`StudyData`](crate::report::data::StudyData): finds each cell's artifacts and says what is
//! missing and why.

mod cells;
mod collector;
mod costs;
mod drawing;
mod features;
mod images;
mod photos;
mod probes;
mod provenance;
mod race;
mod settings;
mod study;
#[cfg(test)]
mod tests;
mod unfinished;

pub use study::collect;
#[cfg(test)]
pub(crate) use tests::test_settings;
