//! `runner` answers: how many photos does a LoRA need before a diffusion model knows my subject?
//!
//! One TOML file describes a study; the program runs the baseline, the fine-tuning and the
//! comparison for every cell of its grid and writes a report. The modules form levels; a module uses
//! only modules of a lower level (`tests/layering.rs` checks that):
//!
//! | level | modules |
//! |---|---|
//! | L6 | `cli` |
//! | L5 | `report`, `term` |
//! | L4 | `run` |
//! | L3 | `stages` |
//! | L2 | `plan` |
//! | L1 | `diffusion`, `event`, `experiment`, `metrics`, `photos`, `store` |
//! | L0 | `hashing`, `hub_id`, `kernels`, `stage` |

pub mod cli;
pub mod diffusion;
pub mod event;
pub mod experiment;
pub mod hashing;
pub mod hub_id;
pub mod kernels;
pub mod metrics;
pub mod photos;
pub mod plan;
pub mod report;
pub mod run;
pub mod stage;
pub mod stages;
pub mod store;
pub mod term;
