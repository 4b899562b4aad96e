//! The vector instructions that the CPU kernels are written in, and the register tile made of them.
//!
//! A kernel is a [`Task`](instructions::Task), generic over the instruction set; [`dispatch`](dispatch::dispatch) runs
//! it with the best set of this machine.

pub(crate) mod dispatch;
pub(crate) mod instructions;
pub(crate) mod level;
mod multiply_tile;
pub(crate) mod portable;
pub(crate) mod prefetch;
pub(crate) mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;
