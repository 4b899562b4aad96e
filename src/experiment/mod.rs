//! From a TOML file to typed, checked settings.
//!
//! Layers, lowest precedence first: `defaults.toml` (embedded, see [`DEFAULTS`]), the chain of files named
//! by `extends`, the file itself, `RUNNER_A__B=v` in the environment, `--set a.b=v`. Later layers win key by
//! key; lists, `[[cells]]` and `[[exclude]]` are replaced as a whole. Then every cell of the grid (`grid.rs`)
//! is read and checked on its own, section by section: each has a file with its settings, their ranges and their
//! messages. All problems are collected and told at once ([`Problems`]).

pub mod axis;
mod base;
mod bounds;
mod dataset;
mod defaults;
mod encoders;
mod entry;
mod evaluate;
mod flat;
mod generate;
mod grid;
mod heading;
mod image_recipe;
mod layer;
mod layers;
mod model;
mod model_sources;
mod node;
mod optimizer;
mod paths;
mod prior_preservation;
mod problem;
mod problems;
mod prompt;
mod race;
mod range;
mod reader;
mod render;
mod resolve;
mod schema;
mod sections;
mod select;
pub mod settings;
mod similar;
mod source;
mod study;
mod subject;
mod train;
mod train_checks;
mod value;
mod walk;

#[cfg(test)]
mod tests;

pub use axis::Axis;
pub use bounds::{MAX_SIDE, SIDE_MULTIPLE};
pub use defaults::{DEFAULTS, order};
pub use flat::{flat, sentence, without_folders};
pub use generate::LORA_SCALES;
pub use image_recipe::{GUIDANCE_RESCALES, GUIDANCE_SCALES, MAX_CLIP_SKIP, MAX_SAMPLER_STEPS};
pub use layers::Overrides;
pub use problem::{Problem, Severity};
pub use problems::Problems;
pub use schema::is_setting;
pub use select::SelectError;
pub use settings::Settings;
pub use source::{Place, Source};
pub use study::{Cell, Experiment};
pub use value::label;
