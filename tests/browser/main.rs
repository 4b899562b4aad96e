//! The report as a reader meets it: opened from disk in a headless Chromium.
//!
//! The tests are passed over, and say so, on a machine without a browser; those that need packages of npm want
//! `npm ci --prefix tests/browser` first. `.ci/run` does both.

#[path = "../common/mod.rs"]
mod common;

mod chrome;
mod hostile;
mod layout;
mod made;
mod opens;
mod print;
mod real;
mod scripts_off;
mod speed;
mod tab;
mod validators;
mod walk;

/// Says that a test did nothing. Not by `eprintln!`: the test harness keeps that from the screen.
fn skipped(why: &str) {
    use std::io::Write as _;
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {why}");
}
