//! An answer as it arrives. A thread reads it, so that a stop is heard at once and a server that says nothing, or
//! next to nothing, is given up in time whatever it does.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use ureq::Body;

use super::fault::{Fault, Kind, in_words};
use super::http::{Answer, Client};
use super::limits::Limits;

/// How often the stop is looked at.
const TICK: Duration = Duration::from_millis(50);
/// Bytes read at once.
const PIECE: usize = 256 << 10;
/// Pieces that may wait to be written.
const QUEUE: usize = 8;

enum Message {
    Answer(Box<Answer>),
    Bytes(Vec<u8>),
    Fault(Fault),
}

/// A body that arrives. Dropping it ends the connection.
pub(super) struct Stream {
    pub(super) answer: Answer,
    messages: Receiver<Message>,
    /// When the present interval of [`Limits::idle`] began, and what it has brought.
    since: Instant,
    brought: u64,
}

impl Stream {
    /// Sends a request and waits for the headers.
    pub(super) fn open(
        client: &Arc<Client>,
        path: &str,
        from: u64,
        limits: &Limits,
        stop: &dyn Fn() -> bool,
    ) -> Result<Self, Fault> {
        let (sender, messages) = mpsc::sync_channel(QUEUE);
        let (reader, asked) = (Arc::clone(client), path.to_owned());
        let spawned =
            std::thread::Builder::new().name("download".into()).spawn(move || read(&reader, &asked, from, &sender));
        spawned.map_err(|e| Fault::new(Kind::Broken, format!("no thread can be started: {e}")))?;
        let host = client.endpoint().origin();
        match wait(&messages, Instant::now() + limits.answer, stop)? {
            Some(Message::Answer(answer)) => Ok(Self { answer: *answer, messages, since: Instant::now(), brought: 0 }),
            Some(Message::Fault(fault)) => Err(fault),
            _ => Err(Fault::new(Kind::Network, format!("{host} has not answered for {}", seconds(limits.answer)))),
        }
    }

    /// The next bytes; `None` at the end of the body.
    pub(super) fn next(&mut self, limits: &Limits, stop: &dyn Fn() -> bool) -> Result<Option<Vec<u8>>, Fault> {
        loop {
            let until = self.since + limits.idle;
            match wait(&self.messages, until, stop)? {
                Some(Message::Bytes(bytes)) if bytes.is_empty() => return Ok(None),
                Some(Message::Bytes(bytes)) => {
                    self.brought += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
                Some(Message::Fault(fault)) => return Err(fault),
                Some(Message::Answer(_)) => {}
                // The interval is over: a new one begins if enough has come.
                None if self.brought >= limits.idle_bytes => (self.since, self.brought) = (Instant::now(), 0),
                None => {
                    let host = self.answer.host();
                    let what = format!("{host} has sent next to nothing for {}", seconds(limits.idle));
                    return Err(Fault::new(Kind::Network, what));
                }
            }
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// The next message; `None` at `until`.
fn wait(messages: &Receiver<Message>, until: Instant, stop: &dyn Fn() -> bool) -> Result<Option<Message>, Fault> {
    loop {
        if stop() {
            return Err(Fault::stopped());
        }
        let left = until.saturating_duration_since(Instant::now());
        match messages.recv_timeout(left.min(TICK)) {
            // What came late is as good, unless it came too slowly.
            Ok(message) => return Ok(Some(message)),
            Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Fault::new(Kind::Broken, "the download ended without a reason"));
            }
        }
    }
}

/// The reading thread. It ends when nobody listens any more, at the latest by the time limits of each read.
fn read(client: &Client, path: &str, from: u64, sender: &SyncSender<Message>) {
    let (answer, body): (Answer, Body) = match client.get(path, from) {
        Ok(answer) => answer,
        Err(fault) => {
            // Nobody may listen any more.
            sender.send(Message::Fault(fault)).ok();
            return;
        }
    };
    let host = answer.host();
    if sender.send(Message::Answer(Box::new(answer))).is_err() {
        return;
    }
    let mut reader = body.into_reader();
    loop {
        let mut bytes = vec![0; PIECE];
        let message = match reader.read(&mut bytes) {
            Ok(n) => {
                bytes.truncate(n);
                Message::Bytes(bytes)
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => Message::Fault(in_words(&e.into(), &host)),
        };
        let last = match &message {
            Message::Bytes(bytes) => bytes.is_empty(),
            _ => true,
        };
        if sender.send(message).is_err() || last {
            return;
        }
    }
}
