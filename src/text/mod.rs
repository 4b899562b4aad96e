//! Texts as people read them: the one cupboard for words, numbers, columns and colours.

mod paint;
mod quantity;
mod shell;
mod table;
pub mod weighted;
mod words;

pub use paint::Paint;
pub use quantity::{bytes, duration, measurement, number, rough_bytes, rough_duration};
pub use shell::{shell_line, shell_word};
pub use table::{table, width};
pub use words::{count, either, hides, list, plain_name, plain_text, shortened};
