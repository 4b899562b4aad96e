//! The Hub client against a server on this machine that misbehaves; the real network is never used.

mod cache;
mod content;
mod foreign;
mod model;
mod patience;
mod program;
mod real;
mod server;
mod together;
mod trust;
