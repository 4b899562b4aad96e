//! Too little memory: a warning where it can be foreseen, and the last words where it could not.
//!
//! The allocator ends the program at once, with a signal and without unwinding, so what there is to say is prepared
//! when a job begins.

use super::exit::{Exit, Failure, OrExit as _};
use super::session::Session;
use crate::{
    engine::less_memory,
    event::{Event, Observer},
    experiment::settings::Dtype,
    store,
    study::Resolved,
};
use candle_core::Device;
use std::{
    io,
    sync::atomic::{AtomicPtr, Ordering},
};

/// Prepares for the end of memory: warns if it can be foreseen, and returns the observer that keeps the last words.
///
/// # Errors
/// A signal handler that cannot be installed.
pub(super) fn watch<'a>(study: &Resolved, device: &Device, session: &'a Session) -> Result<LastWords<'a>, Failure> {
    install().or_exit(Exit::Internal)?;
    if let Some(message) = shortage(study, device) {
        session.tell(&Event::Warning { message });
    }
    Ok(LastWords(&*session.terminal))
}

/// A warning if not even the weights of a base model fit into the memory that is left. A run needs more than its
/// weights, how much more depends on sizes and settings; so this warns late rather than wrongly.
fn shortage(study: &Resolved, device: &Device) -> Option<String> {
    if !device.is_cpu() {
        return None;
    }
    let left = store::available_memory_bytes()?;
    let weights = study.plan.cells.iter().filter_map(|cell| {
        let model = &cell.settings.model;
        let summary = &study.models.get(&model.sources())?.summary;
        let bytes = match model.dtype {
            Dtype::F32 => 4,
            Dtype::Bf16 | Dtype::F16 => 2,
            Dtype::Int8 => 1,
        };
        Some(bytes * summary.parameters())
    });
    let needed = weights.max()?;
    (needed > left).then(|| {
        let (needed, left) = (crate::text::bytes(needed), crate::text::bytes(left));
        format!("the base model's weights alone need {needed} of memory, and {left} are left; {}", less_memory(None))
    })
}

/// What to say; replaced, never freed: a signal may be reading it.
static LAST_WORDS: AtomicPtr<String> = AtomicPtr::new(std::ptr::null_mut());

/// Passes events on, and prepares the last words.
pub(super) struct LastWords<'a>(&'a dyn Observer);

impl Observer for LastWords<'_> {
    fn observe(&self, event: &Event) {
        match event {
            Event::JobStarted { job, .. } => prepare(&format!("at {} {}", job.stage, job.label)),
            Event::JobFinished { .. } | Event::JobFailed { .. } => prepare("between two jobs"),
            _ => {}
        }
        self.0.observe(event);
    }
}

fn prepare(place: &str) {
    let text = format!(
        "error: memory ran out {}\n  \
         nothing that was finished is lost: run again, it goes on from the last checkpoint\n  {}\n",
        crate::text::plain_text(place),
        less_memory(None)
    );
    // A few hundred bytes for each job are given up.
    LAST_WORDS.store(Box::into_raw(Box::new(text)), Ordering::SeqCst);
}

/// Installs the handler of the signal with which Rust's allocator ends a program.
fn install() -> io::Result<()> {
    prepare("before the first job");
    #[cfg(unix)]
    // SAFETY: the handler loads a pointer, writes and ends the process: all of it is allowed in a signal handler.
    unsafe {
        signal_hook::low_level::register(signal_hook::consts::SIGABRT, last_words)?;
    }
    Ok(())
}

#[cfg(unix)]
fn last_words() {
    // SAFETY: the pointer is of a text that is never freed.
    if let Some(text) = unsafe { LAST_WORDS.load(Ordering::SeqCst).as_ref() } {
        // SAFETY: standard error lives as long as the process.
        let stderr = unsafe { std::os::fd::BorrowedFd::borrow_raw(2) };
        // Nobody is left to tell when standard error is closed.
        let _ = rustix::io::write(stderr, text.as_bytes());
    }
    signal_hook::low_level::exit(Exit::Internal as i32);
}
