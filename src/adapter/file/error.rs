//! Why an adapter file cannot be used.

use std::fmt;
use std::path::PathBuf;

/// Why an adapter file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoraFileError {
    /// The file could not be read.
    #[error("cannot read the adapter {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Not a safetensors file, or a damaged one.
    #[error("{} is not a readable adapter: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Some tensors of the file would not change the model.
    #[error("{}: {tensors}", path.display())]
    NotApplied {
        /// The file.
        path: PathBuf,
        /// Which, and why.
        tensors: NotApplied,
    },
    /// A number of the file does not fit the other format.
    #[error("{}: {module}: {reason}", path.display())]
    Number {
        /// The file.
        path: PathBuf,
        /// The layer.
        module: String,
        /// What would be lost.
        reason: String,
    },
    /// A tensor operation failed, e.g. the device is out of memory.
    #[error("{}: {source}", path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// Candle's reason.
        source: candle_core::Error,
    },
}

/// Tensors of an adapter file that cannot be applied, sorted by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotApplied {
    /// How many tensors the file has.
    pub of: usize,
    /// Those that cannot be applied.
    pub tensors: Vec<Refused>,
}

/// A tensor that cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// Its name in the file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Why, for people.
    pub reason: String,
}

/// At most this many tensors are printed; the count is always exact.
const SHOWN: usize = 10;

/// At most this many characters of a name are printed: a file chooses its names.
const LONGEST: usize = 200;

/// A text of a file, cut if it is very long.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl fmt::Display for NotApplied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} tensors cannot be applied to this model:", self.tensors.len(), self.of)?;
        for Refused { name, shape, reason } in self.tensors.iter().take(SHOWN) {
            write!(f, "\n  {} {}: {}", shortened(name), shortened(&format!("{shape:?}")), shortened(reason))?;
        }
        if self.tensors.len() > SHOWN {
            write!(f, "\n  … and {} more", self.tensors.len() - SHOWN)?;
        }
        Ok(())
    }
}
