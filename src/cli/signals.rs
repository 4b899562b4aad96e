//! Signals: the first asks to stop, the second ends the program at once.

use super::exit::Exit;
use crate::{
    event::{Event, Observer},
    worker::StopFlag,
};
use signal_hook::{consts, flag};
use std::{
    ffi::c_int,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What a signal does after the program was asked to stop before.
#[derive(Clone, Copy)]
enum Again {
    /// A person is impatient: the program ends at once.
    Ends,
    /// A terminal that closes may send it twice, by its shell and by the system: that counts as once.
    #[cfg(unix)]
    EndsLater,
    /// The system repeats it every second.
    #[cfg(unix)]
    Nothing,
}

/// The signals that ask to stop, their names for people, and what a further one does.
const ASKING: &[(c_int, &str, Again)] = &[
    (consts::SIGINT, "Ctrl-C", Again::Ends),
    (consts::SIGTERM, "SIGTERM", Again::Ends),
    #[cfg(unix)]
    (consts::SIGHUP, "SIGHUP", Again::EndsLater),
    // Batch systems send these two before they kill a job.
    #[cfg(unix)]
    (consts::SIGUSR1, "SIGUSR1", Again::Ends),
    #[cfg(unix)]
    (consts::SIGUSR2, "SIGUSR2", Again::Ends),
    #[cfg(unix)]
    (consts::SIGXCPU, "SIGXCPU (the limit of `ulimit -t`)", Again::Nothing),
];

/// How long after the first signal a closing terminal has sent its second.
const SETTLED: Duration = Duration::from_secs(1);

/// Installs the handlers. They only set flags or end the process, which is safe inside a signal handler. A thread
/// tells `observer` when the first signal has come. A program that was started to ignore SIGHUP (`nohup`) goes on
/// ignoring it.
pub(super) fn install(observer: Arc<dyn Observer + Send + Sync>) -> io::Result<StopFlag> {
    let (stop, settled) = (StopFlag::new(), Arc::new(AtomicBool::new(false)));
    let asking: Vec<&(c_int, &str, Again)> = ASKING.iter().filter(|(signal, ..)| !is_ignored_hangup(*signal)).collect();
    for (signal, _, again) in &asking {
        // In this order: the first signal finds the flag not yet set.
        let code = i32::from(Exit::Stopped as u8);
        match again {
            Again::Ends => drop(flag::register_conditional_shutdown(*signal, code, stop.shared())?),
            #[cfg(unix)]
            Again::EndsLater => drop(flag::register_conditional_shutdown(*signal, code, Arc::clone(&settled))?),
            #[cfg(unix)]
            Again::Nothing => {}
        }
        flag::register(*signal, stop.shared())?;
    }
    let first = first_of(asking.iter().map(|(signal, ..)| *signal).collect(), &stop)?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let came = first();
        let Some((_, name, _)) = ASKING.iter().find(|(signal, ..)| Some(*signal) == came) else { return };
        observer.observe(&Event::Stopping { signal: (*name).to_owned() });
        std::thread::sleep(SETTLED);
        settled.store(true, Ordering::SeqCst);
    })?;
    Ok(stop)
}

/// What waits for the first of these signals.
#[cfg(unix)]
fn first_of(signals: Vec<c_int>, _: &StopFlag) -> io::Result<impl FnOnce() -> Option<c_int> + Send + 'static> {
    let mut signals = signal_hook::iterator::Signals::new(signals)?;
    Ok(move || signals.forever().next())
}

/// What waits for the first of these signals: where they cannot be waited for, the flag is looked at.
#[cfg(not(unix))]
fn first_of(signals: Vec<c_int>, stop: &StopFlag) -> io::Result<impl FnOnce() -> Option<c_int> + Send + 'static> {
    let stop = stop.clone();
    Ok(move || {
        while !stop.is_set() {
            std::thread::sleep(Duration::from_millis(50));
        }
        signals.first().copied()
    })
}

/// Lets a write beyond `ulimit -f` fail with an error that is told, instead of ending the program.
pub(super) fn survive_file_limit() -> io::Result<()> {
    #[cfg(unix)]
    flag::register(consts::SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    Ok(())
}

/// Whether this is SIGHUP, and whoever started the program had it ignored.
#[cfg(unix)]
fn is_ignored_hangup(signal: c_int) -> bool {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: without a new action `sigaction` only writes the present one into `now`, which is as large as it needs.
    let asked = unsafe { libc::sigaction(consts::SIGHUP, std::ptr::null(), now.as_mut_ptr()) };
    // SAFETY: `sigaction` has written it, and all zeros is a value too.
    let now = unsafe { now.assume_init() };
    signal == consts::SIGHUP && asked == 0 && now.sa_sigaction == libc::SIG_IGN
}

#[cfg(not(unix))]
fn is_ignored_hangup(_signal: c_int) -> bool {
    false
}
