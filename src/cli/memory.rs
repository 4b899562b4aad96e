//! Too little memory: a warning where it can be foreseen, and the last words where it could not.
//!
//! The allocator ends the program at once, with a signal and without unwinding, so what there is to say is prepared
//! when a job begins.

use super::exit::{Exit, Failure, OrExit as _};
use super::opened::Opened;
use super::room::{Room, Verdict, judge, threads};
use super::session::Session;
use crate::{
    engine::less_memory,
    event::{Event, Observer},
    plan::Job,
};
use std::{
    io,
    sync::atomic::{AtomicPtr, Ordering},
};

/// Prepares for the end of memory: refuses what cannot fit, warns if it is likely to end, and returns the observer that
/// keeps the last words. `wanted` says which jobs this process will do.
///
/// # Errors
/// A job that needs more memory than there is, a store that cannot be read, a signal handler that cannot be installed.
pub(super) fn watch<'a>(
    opened: &Opened,
    session: &'a Session,
    wanted: &dyn Fn(&Job) -> bool,
) -> Result<LastWords<'a>, Failure> {
    install().or_exit(Exit::Internal)?;
    let Opened { study, device, store } = opened;
    if let Some(room) = Room::of(device) {
        let statuses = study.status(store).or_exit(Exit::Internal)?;
        match judge(study, &statuses, &study.memory(threads()), room, wanted) {
            Verdict::Fits => {}
            Verdict::Tight(message) => session.tell(&Event::Warning { message }),
            Verdict::Never(message) => return Err(Failure::new(Exit::Experiment, anyhow::anyhow!(message))),
        }
    }
    Ok(LastWords(&*session.terminal))
}

/// What to say; replaced, never freed: a signal may be reading it.
static LAST_WORDS: AtomicPtr<String> = AtomicPtr::new(std::ptr::null_mut());

/// Passes events on, and prepares the last words.
pub(super) struct LastWords<'a>(&'a dyn Observer);

impl Observer for LastWords<'_> {
    fn observe(&self, event: &Event) {
        match event {
            Event::JobStarted { job, .. } => prepare(&format!("at {} {}", job.stage, job.label)),
            Event::JobFinished { .. } | Event::JobPaused { .. } | Event::JobFailed { .. } => {
                prepare("between two jobs")
            }
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
