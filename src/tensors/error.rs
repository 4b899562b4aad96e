//! Why a file of tensors cannot be used.

use std::fmt;
use std::path::PathBuf;

/// Why a model folder or weight file could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file or folder could not be read at all.
    #[error("cannot read {}: {source}", file.display())]
    Read { file: PathBuf, source: std::io::Error },
    /// No file of a kind we can read is there.
    #[error("{} has no {wanted}{}", folder.display(), advice.as_deref().map(|a| format!("; {a}")).unwrap_or_default())]
    NotFound { folder: PathBuf, wanted: String, advice: Option<String> },
    /// The file is not what its name says: a bad header, wrong JSON, offsets out of range.
    #[error("{} is not valid: {reason}", file.display())]
    Invalid { file: PathBuf, reason: String },
    /// The file is shorter (or longer) than its own header says.
    #[error(
        "{} should have {expected} bytes by its header but has {actual}: the download or copy is incomplete",
        file.display()
    )]
    WrongLength { file: PathBuf, expected: u64, actual: u64 },
    /// The file is no longer what was hashed, so nothing may be stored as its result.
    #[error(
        "{} changed after it was hashed: nothing was made with it; run the command again when the file is complete",
        file.display()
    )]
    Changed { file: PathBuf },
    /// A configuration key asks for something this program does not implement.
    #[error("{}: `{key}` is {found}, which is not supported; {supported}", file.display())]
    Unsupported { file: PathBuf, key: String, found: String, supported: String },
    /// The weights do not fit the configuration.
    #[error("{}: the weights do not fit the configuration\n{problems}", file.display())]
    Tensors { file: PathBuf, problems: Box<TensorProblems> },
    /// A tensor operation failed while the weights were put in place, e.g. the device is out of memory.
    #[error("{}: {source}", file.display())]
    Tensor { file: PathBuf, source: Box<candle_core::Error> },
}

/// Tensors that are absent, superfluous or of the wrong shape, by name, sorted.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TensorProblems {
    /// In the model, not in the file; with the shape the model needs.
    pub missing: Vec<(String, Vec<usize>)>,
    /// In the file, not in the model.
    pub unexpected: Vec<String>,
    /// In both: name, expected shape, shape in the file.
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// Of a kind that cannot be a weight (integers, booleans): name, type.
    pub mistyped: Vec<(String, String)>,
}

impl TensorProblems {
    /// No problem at all.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty() && self.mistyped.is_empty()
    }
}

/// At most this many names of one kind are printed; the counts are always exact.
const SHOWN: usize = 12;

impl fmt::Display for TensorProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(f: &mut fmt::Formatter<'_>, title: &str, lines: Vec<String>) -> fmt::Result {
            if lines.is_empty() {
                return Ok(());
            }
            writeln!(f, "  {title} ({}):", lines.len())?;
            for line in lines.iter().take(SHOWN) {
                writeln!(f, "    {line}")?;
            }
            if lines.len() > SHOWN {
                writeln!(f, "    … and {} more", lines.len() - SHOWN)?;
            }
            Ok(())
        }
        list(f, "missing", self.missing.iter().map(|(n, s)| format!("{n} {s:?}")).collect())?;
        list(f, "unexpected", self.unexpected.clone())?;
        list(
            f,
            "wrong shape",
            self.misshapen.iter().map(|(n, want, got)| format!("{n}: expected {want:?}, found {got:?}")).collect(),
        )?;
        list(f, "wrong type", self.mistyped.iter().map(|(n, t)| format!("{n}: {t}")).collect())
    }
}
