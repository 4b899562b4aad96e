//! Turns panics of image decoders into errors: some decoders panic on damaged files.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// True while this thread runs a decoder whose panic becomes an error; the program's panic hook is silent then.
#[must_use]
pub fn is_decoding() -> bool {
    GUARDED.get()
}

/// Runs a decoder; the error is for people.
pub(super) fn catch<T>(decode: impl FnOnce() -> T) -> Result<T, String> {
    let before = GUARDED.replace(true);
    // Whatever a decoder leaves half done is dropped with it.
    let result = catch_unwind(AssertUnwindSafe(decode));
    GUARDED.set(before);
    result.map_err(|_| "its content confuses the decoder".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_guard_ends() {
        assert_eq!(catch(is_decoding), Ok(true));
        assert!(catch(|| assert!(!is_decoding(), "the guard holds")).is_err());
        assert!(!is_decoding());
    }
}
