//! Progress for people and programs: turns events into bars or lines on standard error and JSON on standard output.

mod bar;
mod download;
mod human;
mod job;
mod mode;
mod pace;
mod style;
mod terminal;

pub use human::{bytes, duration, plain_text};
pub use mode::ProgressMode;
pub use style::{ColorChoice, Paint};
pub use terminal::Terminal;

#[cfg(test)]
mod tests;
