//! The input that is being tried, for when the process has to end because of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

/// The files of one input, in the order of the target's parts.
pub(crate) type Input = Vec<Vec<u8>>;

/// An input that runs longer is a hang.
const HANG: Duration = Duration::from_secs(60);

/// What runs, on which target, since when.
struct Running {
    target: &'static str,
    input: Arc<Input>,
    since: Instant,
}

static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// Notes that `input` runs from now on.
pub(crate) fn started(target: &'static str, input: &Arc<Input>) {
    static DOG: Once = Once::new();
    DOG.call_once(|| drop(std::thread::spawn(watch)));
    *lock() = Some(Running { target, input: input.clone(), since: Instant::now() });
}

/// Notes that it came to an end.
pub(crate) fn ended() {
    *lock() = None;
}

fn lock() -> std::sync::MutexGuard<'static, Option<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn watch() {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        if lock().as_ref().is_some_and(|running| running.since.elapsed() > HANG) {
            give_up("does not come to an end");
        }
    }
}

/// Saves the running input and ends the process.
pub(crate) fn give_up(reason: &str) -> ! {
    match lock().take() {
        Some(Running { target, input, .. }) => {
            eprintln!("{target}: the input in {} {reason}", save(target, &input).display());
        }
        None => eprintln!("outside of any input: {reason}"),
    }
    std::process::abort()
}

/// Writes an input into a folder of its own below the build folder.
pub(crate) fn save(target: &str, input: &Input) -> PathBuf {
    let hash = blake3::hash(&input.join(&b"\n--\n"[..])).to_hex();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(target).join(&hash[..16]);
    write(&folder, input).unwrap_or_else(|e| eprintln!("{} cannot be written: {e}", folder.display()));
    folder
}

fn write(folder: &Path, input: &Input) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    input.iter().enumerate().try_for_each(|(i, part)| std::fs::write(folder.join(i.to_string()), part))
}

/// Reads what [`save`] wrote; files that are not there are empty parts.
pub(crate) fn read(folder: &Path, parts: usize) -> Input {
    (0..parts).map(|i| std::fs::read(folder.join(i.to_string())).unwrap_or_default()).collect()
}
