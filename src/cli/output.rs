//! Results on standard output.

use super::exit::{Exit, Failure, OrExit};
use crate::{
    files::write_atomic,
    store::StoreError,
    text::{Paint, plain_text},
};
use std::{
    io::{ErrorKind, Write},
    path::Path,
};

/// Writes a result to standard output. When the reader has gone (`runner plan x.toml | head`), the program ends
/// quietly.
pub(super) fn emit(text: &str) -> Result<(), Failure> {
    emit_bytes(text.as_bytes())
}

/// Like [`emit`], for bytes.
pub(super) fn emit_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Err(Failure::silent(Exit::Done)),
        Err(e) => Err(Failure::new(Exit::Internal, anyhow::Error::new(e).context("cannot write to standard output"))),
        Ok(()) => Ok(()),
    }
}

/// Writes a value as one line of JSON.
pub(super) fn emit_json(value: &serde_json::Value) -> Result<(), Failure> {
    emit(&format!("{value}\n"))
}

/// Tells something on standard error.
pub(super) fn tell(text: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Tells a warning on standard error.
pub(super) fn warn(paint: Paint, text: &str) {
    tell(&format!("{} {}\n", paint.yellow("warning:"), plain_text(text)));
}

/// Refuses to replace a file unless `force`.
pub(super) fn may_write(path: &Path, force: bool) -> Result<(), Failure> {
    if !force && path.symlink_metadata().is_ok() {
        let error =
            anyhow::anyhow!("{} exists already; choose another name or use --force to replace it", path.display());
        return Err(Failure::new(Exit::Usage, error));
    }
    Ok(())
}

/// Writes a result file as a whole; does not replace one unless `force`.
pub(super) fn write_new(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    may_write(path, force)?;
    write_atomic(path, bytes).map_err(StoreError::from).or_exit(Exit::Experiment)
}
