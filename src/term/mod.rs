//! Progress for people and programs: turns events into bars or lines on standard error and JSON on standard output.

mod bar;
mod download;
mod job;
mod mode;
mod pace;
mod style;
mod terminal;

pub use mode::ProgressMode;
pub use pace::Pace;
pub use style::ColorChoice;
pub use terminal::Terminal;

#[cfg(test)]
mod tests;
