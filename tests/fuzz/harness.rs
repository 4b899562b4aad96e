//! Runs a target on its seeds and on mutations of them, and measures time and memory of every input.
//!
//! There is no coverage feedback on stable Rust without rebuilding all dependencies. In its place an input
//! whose outcome (the words of the message, without names and numbers) is new joins the pool that is mutated:
//! each message of the program is a door, and inputs that opened one are tried further.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::memory;
use crate::mutate::{self, Kind};
use crate::watch::{self, Input};

/// One input may take this long, on a machine that does other work as well.
const SLOWEST: Duration = Duration::from_secs(10);
/// Inputs in the pool beyond the seeds.
const POOL: usize = 2000;
/// Most mutations on top of each other.
const DEPTH: u32 = 6;

/// What one target needs.
pub(crate) struct Target {
    /// Name, also of its folder in `tests/fuzz/corpus`.
    pub(crate) name: &'static str,
    /// How each part of an input is mutated.
    pub(crate) parts: &'static [Kind],
    /// Valid inputs, so that mutations reach deep.
    pub(crate) seeds: Vec<Input>,
    /// Inputs of a short run; 0 for a target that tries its seeds only.
    pub(crate) inputs: usize,
    /// An input of n bytes may allocate `memory.0 + memory.1 * n` bytes.
    pub(crate) memory: (u64, u64),
}

/// Bytes that any input may allocate, and as many more for each of its bytes.
pub(crate) const MEMORY: (u64, u64) = (64 << 20, 100);

/// How long to go on: `FUZZ_SECONDS` for each target, else the target's own number of inputs.
fn goes_on(target: &Target, tried: usize, since: Instant) -> bool {
    match number("FUZZ_SECONDS") {
        Some(seconds) => target.inputs > 0 && since.elapsed() < Duration::from_secs(seconds),
        None => tried < target.inputs,
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, not a number")))
}

/// Tries `run` on many inputs; it returns what came of an input, in words.
///
/// Panics with the folder of the first input that panics, is too slow or needs too much memory.
pub(crate) fn fuzz(mut target: Target, mut run: impl FnMut(&Input) -> String) {
    /// One target at a time: memory is counted for the whole process.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Errors of candle carry a backtrace where one is asked for, and to print it takes more memory than any input.
    // SAFETY: all who read the environment in this process do so through the standard library, which has a lock.
    unsafe { std::env::set_var("RUST_LIB_BACKTRACE", "0") };
    if let Some(folder) = std::env::var_os("FUZZ_INPUT") {
        let input = Arc::new(watch::read(Path::new(&folder), target.parts.len()));
        eprintln!("{}: {:?}", target.name, attempt(&target, &input, &mut run));
        return;
    }
    target.seeds.extend(corpus(&target));
    let mut rng = Rng::with_seed(number("FUZZ_SEED").unwrap_or(0));
    let mut pool: Vec<Arc<Input>> = target.seeds.drain(..).map(Arc::new).collect();
    let (seeds, since) = (pool.len(), Instant::now());
    let mut summary = Summary::default();
    while summary.inputs < seeds || goes_on(&target, summary.inputs, since) {
        let input = match pool.get(summary.inputs).filter(|_| summary.inputs < seeds) {
            Some(seed) => seed.clone(),
            None => Arc::new(mutated(&mut rng, &pool, seeds, target.parts)),
        };
        match attempt(&target, &input, &mut run) {
            Ok(result) => {
                if summary.add(&result) && summary.inputs > seeds && pool.len() < seeds + POOL {
                    pool.push(input);
                }
            }
            Err(fault) => panic!(
                "{} {fault}, input {} (kept; FUZZ_INPUT={} tries it again)",
                target.name,
                summary.inputs,
                watch::save(target.name, &input).display()
            ),
        }
    }
    eprintln!("{:<12} {summary} in {:.1} s", target.name, since.elapsed().as_secs_f64());
}

/// Inputs that once failed: `tests/fuzz/corpus/<target>/<any name>/<number of the part>`.
fn corpus(target: &Target) -> Vec<Input> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target.name);
    let mut folders: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    folders.sort();
    folders.iter().map(|folder| watch::read(folder, target.parts.len())).collect()
}

/// A seed or a find, changed in a few places.
fn mutated(rng: &mut Rng, pool: &[Arc<Input>], seeds: usize, parts: &[Kind]) -> Input {
    let among = if rng.bool() { seeds } else { pool.len() };
    let mut input = (*pool[rng.usize(..among)]).clone();
    for _ in 0..=rng.u32(..DEPTH) {
        let part = rng.usize(..parts.len());
        let other = &pool[rng.usize(..pool.len())][part];
        mutate::mutate(rng, parts[part], &mut input[part], other);
    }
    input
}

/// What one input came to.
#[derive(Debug)]
struct Tried {
    outcome: String,
    time: Duration,
    memory: u64,
}

/// Runs one input; the error is what is wrong with it.
fn attempt(target: &Target, input: &Arc<Input>, run: &mut impl FnMut(&Input) -> String) -> Result<Tried, String> {
    watch::started(target.name, input);
    let (start, since) = (memory::begin(), Instant::now());
    let result = catch_unwind(AssertUnwindSafe(|| run(input)));
    let (memory, time) = (memory::peak_since(start), since.elapsed());
    watch::ended();
    let outcome = result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        format!("panics: {}", text.unwrap_or("?"))
    })?;
    let allowed = target.memory.0 + target.memory.1 * input.iter().map(|part| part.len() as u64).sum::<u64>();
    if memory > allowed {
        return Err(format!("allocates {memory} bytes of {allowed} allowed: {outcome}"));
    }
    if time > SLOWEST {
        return Err(format!("takes {time:?}: {outcome}"));
    }
    Ok(Tried { outcome, time, memory })
}

/// What a run has seen.
#[derive(Default)]
struct Summary {
    inputs: usize,
    outcomes: HashSet<u64>,
    slowest: Duration,
    largest: u64,
}

impl Summary {
    /// Adds a result; true if there was no such outcome before.
    fn add(&mut self, tried: &Tried) -> bool {
        self.inputs += 1;
        self.slowest = self.slowest.max(tried.time);
        self.largest = self.largest.max(tried.memory);
        self.outcomes.insert(kind_of(&tried.outcome))
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:>9} inputs, {:>4} different outcomes, slowest {:.3} s, most memory {:.1} MB",
            self.inputs,
            self.outcomes.len(),
            self.slowest.as_secs_f64(),
            self.largest as f64 / 1e6
        )
    }
}

/// A number for an outcome without its numbers and quoted names.
fn kind_of(outcome: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut quote = None;
    for byte in outcome.bytes().take(400) {
        match (quote, byte) {
            (Some(end), _) if byte == end => quote = None,
            (None, b'"' | b'`') => quote = Some(byte),
            (None, b'a'..=b'z' | b'A'..=b'Z' | b' ') => hasher.write_u8(byte),
            _ => {}
        }
    }
    hasher.finish()
}
