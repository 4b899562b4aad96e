//! Fuzz targets for everything that others write: each tries mutations of valid inputs and fails on a panic, a
//! hang, or time and memory beyond a bound. `docs/fuzzing.md` says how to run them long and what they found.

#![allow(clippy::print_stderr)] // what a run has seen is worth reading

mod adapters;
mod bombs;
mod captions;
mod configs;
mod experiments;
mod files;
mod harness;
mod image;
mod journal;
mod json;
mod memory;
mod mutate;
mod names;
mod photos;
mod prompts;
mod single_files;
mod state;
mod store;
mod tensors;
mod text;
mod tokenizers;
mod watch;
mod weights;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;
