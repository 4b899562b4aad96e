//! `runner` answers: how many photos does a LoRA need before a diffusion model knows my subject?
//!
//! One TOML file describes a study; the program runs the baseline, the fine-tuning and the
//! comparison for every cell of its grid and writes a report. The modules form levels; a module uses
//! only modules of a lower level (`tests/layering.rs` checks that):
//!
//! | level | modules |
//! |---|---|
//! | L9 | `cli` |
//! | L8 | `engine`, `report`, `study` |
//! | L7 | `worker` |
//! | L6 | `training`, `pipeline` |
//! | L5 | `adapter`, `plan` |
//! | L4 | `models`, `term` |
//! | L3 | `event`, `hub`, `sampling`, `store` |
//! | L2 | `records`, `stage`, `tensors` |
//! | L1 | `experiment`, `hashing`, `kernels`, `measures`, `photos` |
//! | L0 | `choice`, `files`, `picture`, `text` |

pub mod adapter;
pub mod choice;
pub mod cli;
pub mod engine;
pub mod event;
pub mod experiment;
pub mod files;
pub mod hashing;
pub mod hub;

pub mod kernels;
pub mod measures;
pub mod models;
pub mod photos;
pub mod picture;
pub mod pipeline;
pub mod plan;
pub mod records;
pub mod report;
pub mod sampling;
pub mod stage;
pub mod store;
pub mod study;
pub mod tensors;
pub mod term;
pub mod text;
pub mod training;
pub mod worker;
