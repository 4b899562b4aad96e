//! The instructions that this machine has, and those that may be used.

use std::env;
use std::sync::OnceLock;

use thiserror::Error;

/// The instruction sets, each faster than those before it. Portable code is compiled to NEON on aarch64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Portable,
    Avx2,
    Avx512,
    Avx512Bf16,
}

/// The environment variable that names the fastest instructions to use, for tests and measurements of slower ones.
const LIMIT: &str = "RUNNER_INSTRUCTIONS";

impl Level {
    const ALL: [Self; 4] = [Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Bf16];

    const fn name(self) -> &'static str {
        match self {
            Self::Portable if cfg!(target_arch = "aarch64") => "neon",
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Bf16 => "avx512_bf16",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn is_here(self) -> bool {
        let avx2 = || is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = || is_x86_feature_detected!("avx512f") && avx2();
        match self {
            Self::Portable => true,
            Self::Avx2 => avx2(),
            Self::Avx512 => avx512(),
            Self::Avx512Bf16 => {
                is_x86_feature_detected!("avx512bf16") && is_x86_feature_detected!("avx512bw") && avx512()
            }
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn is_here(self) -> bool {
        self == Self::Portable
    }
}

/// The value of `RUNNER_INSTRUCTIONS` names no instruction set.
#[derive(Debug, Error)]
#[error("{LIMIT} is {name:?}, expected one of {}", Level::ALL.map(Level::name).join(", "))]
pub struct UnknownInstructions {
    name: String,
}

/// The fastest instructions that the environment allows. It may name faster ones than this machine has.
fn limit() -> Result<Level, UnknownInstructions> {
    match env::var_os(LIMIT) {
        Some(named) => Level::ALL
            .into_iter()
            .find(|level| named == level.name())
            .ok_or_else(|| UnknownInstructions { name: named.to_string_lossy().into_owned() }),
        None => Ok(Level::Avx512Bf16),
    }
}

/// The instructions to use: the best ones that this machine has and the environment allows. An unknown name limits
/// nothing here.
pub(super) fn level() -> Level {
    static LEVEL: OnceLock<Level> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let limit = limit().unwrap_or(Level::Avx512Bf16);
        Level::ALL.into_iter().rfind(|level| *level <= limit && level.is_here()).unwrap_or(Level::Portable)
    })
}

/// Names of the instruction sets that the CPU kernels can use on this machine; the last one is in use.
/// The environment variable `RUNNER_INSTRUCTIONS` may name a slower one of them (`portable`, `avx2`, `avx512`,
/// `avx512_bf16`) when the program starts.
///
/// # Errors
/// If the variable names no instruction set.
pub fn instruction_sets() -> Result<Vec<&'static str>, UnknownInstructions> {
    limit()?;
    Ok(Level::ALL.into_iter().filter(|l| *l <= level() && l.is_here()).map(Level::name).collect())
}
