//! A panic is a bug of this program: it becomes one readable sentence, and inside a job it costs only that job.
//!
//! The hook notes the last panic of the whole process, not of a thread: a kernel may panic in any thread of the pool,
//! and a process has one worker.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Mutex,
};

/// Where the last panic happened and what it said; written by the hook, read by [`catch`].
static LAST: Mutex<Option<String>> = Mutex::new(None);
/// How many [`catch`] calls are running; the hook is silent inside one.
static CATCHING: Mutex<usize> = Mutex::new(0);

/// Where bugs are reported.
const PLEASE_REPORT: &str = "please report it with the command and the experiment file";

/// Replaces the raw panic text by `this is a bug in runner …` on standard error and exit code 1; inside
/// a job nothing is printed. Call once, at the start of the program. `RUST_BACKTRACE=1` adds a backtrace.
pub fn install_hook() {
    panic::set_hook(Box::new(|info| {
        if crate::photos::is_decoding() {
            return;
        }
        let place = info.location().map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
        let message = format!("{}{place}", payload_text(info.payload()));
        let caught = CATCHING.lock().is_ok_and(|depth| *depth > 0);
        if !caught {
            let trace =
                if wants_trace() { format!("\n{}", std::backtrace::Backtrace::force_capture()) } else { String::new() };
            // Nobody is left to tell when standard error is closed.
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("error: this is a bug in runner, {PLEASE_REPORT}: {message}{trace}\n").as_bytes(),
            );
            std::process::exit(1);
        }
        if let Ok(mut last) = LAST.lock() {
            // The first of several is the cause.
            last.get_or_insert(message);
        }
    }));
}

/// Whether `RUST_BACKTRACE` asks for a backtrace. `RUST_LIB_BACKTRACE`, which counts for the standard library too, is
/// about errors and switched off by this program.
fn wants_trace() -> bool {
    std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0")
}

/// Does some work; a panic anywhere in it becomes an error text.
///
/// # Errors
/// The panic, as a sentence that asks for a report.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let step = |by: isize| {
        if let Ok(mut depth) = CATCHING.lock() {
            *depth = depth.saturating_add_signed(by);
        }
    };
    step(1);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    step(-1);
    result.map_err(|payload| {
        let hooked = LAST.lock().ok().and_then(|mut last| last.take());
        let message = hooked.unwrap_or_else(|| payload_text(payload.as_ref()));
        format!("this is a bug in runner, {PLEASE_REPORT}: {message}")
    })
}

fn payload_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_sentence() {
        assert_eq!(catch(|| 7), Ok(7));
        let text = catch(|| {
            if std::hint::black_box(true) {
                panic!("index {}", 9)
            }
        })
        .unwrap_err();
        assert!(text.contains("please report") && text.contains("index 9"), "{text}");
    }

    /// Not a test of its own: a second process that panics with the hook in place.
    #[test]
    #[ignore = "run by `nobody_sees_a_raw_panic` as a process of its own"]
    fn child() {
        if std::env::var_os("RUNNER_TEST_PANIC").is_some() {
            install_hook();
            assert!(catch(|| panic!("inside a job")).is_err());
            panic!("index {}", 9);
        }
    }

    #[test]
    fn nobody_sees_a_raw_panic() {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "engine::panics::tests::child", "--ignored", "--nocapture"])
            .env("RUNNER_TEST_PANIC", "1")
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            text.starts_with("error: this is a bug in runner, please report") && text.lines().count() == 1,
            "{text}"
        );
        assert!(text.contains("index 9") && text.contains("panics.rs:"), "{text}");
    }
}
