//! Several workers at one study: processes of this program that are started, watched, and started again when they
//! crash.
//!
//! A worker is `runner work`. It tells its events as lines of JSON, and stops after a checkpoint when its standard
//! input ends: so it stops, too, when whoever watches it is killed. The store decides who does which job. The one who
//! watches does no job: it starts, listens, counts crashes, and reports.

mod crashes;
mod merged;
mod process;
mod study;

pub use study::{Post, Watched};
