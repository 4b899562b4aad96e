//! Ctrl-C and SIGTERM: the first asks to stop, the second ends the program at once.

use super::exit::Exit;
use crate::{
    event::{Event, Observer},
    stages::StopFlag,
};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Installs the handlers; they only set flags or end the process, which is safe inside a signal handler. A thread
/// tells `observer` when the first signal has come.
pub(super) fn install(observer: Arc<dyn Observer + Send + Sync>) -> io::Result<StopFlag> {
    let stop = StopFlag::new();
    let which = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag not yet set.
        flag::register_conditional_shutdown(signal, i32::from(Exit::Stopped as u8), stop.shared())?;
        flag::register_usize(signal, Arc::clone(&which), signal.unsigned_abs() as usize)?;
        flag::register(signal, stop.shared())?;
    }
    let seen = stop.clone();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        while !seen.is_set() {
            std::thread::sleep(Duration::from_millis(50));
        }
        let signal = match i32::try_from(which.load(Ordering::SeqCst)) {
            Ok(SIGINT) => "Ctrl-C",
            Ok(SIGTERM) => "SIGTERM",
            _ => return,
        };
        observer.observe(&Event::Stopping { signal: signal.to_owned() });
    })?;
    Ok(stop)
}
