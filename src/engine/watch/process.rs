//! One worker process: started, listened to, asked to stop.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;

use crate::event::Event;

/// So many lines are kept of what a worker says on standard error, for the case that it crashes.
const LAST_WORDS: usize = 8;
/// A longer line is cut.
const MOST_BYTES: u64 = 1 << 20;

/// What comes from a worker.
pub(super) enum Message {
    /// An event of the worker of this number.
    Told(usize, Box<Event>),
    /// It has ended.
    Ended(usize, End),
}

/// How a worker ended.
pub(super) struct End {
    /// `None` if the system did not tell.
    pub(super) status: Option<ExitStatus>,
    /// The last lines it wrote to standard error.
    pub(super) last_words: String,
}

/// A worker process. It stops after a checkpoint when this is dropped, because its standard input ends.
pub(super) struct Process {
    input: Option<ChildStdin>,
}

impl Process {
    /// Starts the worker of this number; what it tells goes to `messages`.
    ///
    /// # Errors
    /// A process or thread that cannot be started.
    pub(super) fn start(worker: usize, mut command: Command, messages: Sender<Message>) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let listen = std::thread::Builder::new().name("worker".into());
        listen.spawn(move || {
            let words = std::thread::spawn(move || errors.map(last_lines).unwrap_or_default());
            for line in output.into_iter().flat_map(lines) {
                // What is no event comes from a library that writes to standard output.
                if let Ok(event) = serde_json::from_slice(&line) {
                    // Nobody listens any more when the study has ended.
                    let _ = messages.send(Message::Told(worker, Box::new(event)));
                }
            }
            let status = child.wait().ok();
            let last_words = words.join().unwrap_or_default();
            let _ = messages.send(Message::Ended(worker, End { status, last_words }));
        })?;
        Ok(Self { input })
    }

    /// Ends its standard input: it stops after a checkpoint.
    pub(super) fn ask_to_stop(&mut self) {
        self.input = None;
    }
}

/// Lines until the end; an error is an end, too.
fn lines(from: impl Read) -> impl Iterator<Item = Vec<u8>> {
    let mut reader = BufReader::new(from);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = reader.by_ref().take(MOST_BYTES).read_until(b'\n', &mut line);
        read.is_ok_and(|bytes| bytes > 0).then_some(line)
    })
}

fn last_lines(from: impl Read) -> String {
    let mut last = VecDeque::new();
    for line in lines(from) {
        last.push_back(String::from_utf8_lossy(&line).trim_end().to_owned());
        if last.len() > LAST_WORDS {
            last.pop_front();
        }
    }
    Vec::from(last).join("\n")
}
