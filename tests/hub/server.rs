//! A small Hub on this machine, in std only. It behaves as the real one unless a test says otherwise for a request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::model::{COMMIT, Model, REPO};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// First byte asked for.
    pub(crate) fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }

    /// Whether it asks for this file, on the Hub or in the store behind it.
    pub(crate) fn is_for(&self, file: &str) -> bool {
        self.path.split('?').next().unwrap_or_default().ends_with(file)
    }
}

/// What is sent back.
pub(crate) enum Reply {
    /// Status, headers and a body with its `Content-Length`.
    Plain(u16, Vec<(String, String)>, Vec<u8>),
    /// These bytes, then the end of the connection.
    Raw(Vec<u8>),
    /// Whatever it likes to do with the connection.
    Free(Box<dyn FnOnce(&mut Wire) + Send>),
}

impl Reply {
    /// The same with another header of that name.
    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        match self.without(name) {
            Self::Plain(status, mut headers, body) => {
                headers.push((name.to_owned(), value.to_owned()));
                Self::Plain(status, headers, body)
            }
            other => other,
        }
    }

    pub(crate) fn without(self, name: &str) -> Self {
        match self {
            Self::Plain(status, mut headers, body) => {
                headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
                Self::Plain(status, headers, body)
            }
            other => other,
        }
    }

    /// The same with a changed body; its length is announced.
    pub(crate) fn body(self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        match self {
            Self::Plain(status, headers, body) => Self::Plain(status, headers, change(body)),
            other => other,
        }
    }

    /// The bytes on the wire, so that a test can spoil them.
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Plain(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
                if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
                    head += &format!("Content-Length: {}\r\n", body.len());
                }
                for (name, value) in headers {
                    head += &format!("{name}: {value}\r\n");
                }
                [head.as_bytes(), b"\r\n", &body].concat()
            }
            Self::Raw(bytes) => bytes,
            Self::Free(_) => Vec::new(),
        }
    }

    /// The first `n` bytes of the body, then the end of the connection.
    pub(crate) fn cut(self, n: usize) -> Self {
        let mut bytes = self.bytes();
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        bytes.truncate(head + n);
        Self::Raw(bytes)
    }

    /// The first `n` bytes of the body, then silence.
    pub(crate) fn stall(self, n: usize) -> Self {
        let Self::Raw(bytes) = self.cut(n) else { unreachable!() };
        Self::Free(Box::new(move |wire| {
            wire.send(&bytes);
            wire.wait(Duration::from_secs(20));
        }))
    }
}

pub(crate) fn redirect(location: &str) -> Reply {
    Reply::Plain(302, vec![("Location".into(), location.into())], Vec::new())
}

/// A connection; nothing on it outlives the server.
pub(crate) struct Wire {
    stream: TcpStream,
    over: Arc<AtomicBool>,
}

impl Wire {
    /// False if the other side has gone.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        !self.over.load(Ordering::SeqCst) && self.stream.write_all(bytes).and_then(|()| self.stream.flush()).is_ok()
    }

    pub(crate) fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && !self.over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5).min(time));
        }
    }

    /// Sends the same again and again, at most ten thousand times.
    pub(crate) fn drip(&mut self, bytes: &[u8], pause: Duration) {
        for _ in 0..10_000 {
            if !self.send(bytes) {
                return;
            }
            self.wait(pause);
        }
    }
}

type Answers = dyn Fn(&Request) -> Option<Reply> + Send + Sync;

/// Listens until it is dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    log: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
    address: std::net::SocketAddr,
}

impl Server {
    /// The honest Hub with a model.
    pub(crate) fn honest(model: &Model) -> Self {
        Self::new(model, |_| None)
    }

    /// The Hub with a model that answers some requests as `odd` says.
    pub(crate) fn new(model: &Model, odd: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let model = model.clone();
        Self::any(move |request| odd(request).or_else(|| Some(honest(&model, request))))
    }

    /// Any server.
    pub(crate) fn any(answers: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (log, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let answers: Arc<Answers> = Arc::new(answers);
        let (seen, end) = (Arc::clone(&log), Arc::clone(&over));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let (answers, seen, end) = (Arc::clone(&answers), Arc::clone(&seen), Arc::clone(&end));
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
                    serve(&*answers, &seen, Wire { stream, over: end });
                });
            }
        });
        Self { url: format!("http://{address}"), log, over, address }
    }

    /// All requests so far.
    pub(crate) fn log(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// Requests for a file so far.
    pub(crate) fn count(&self, file: &str) -> usize {
        self.log().iter().filter(|request| request.is_for(file)).count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // The listener wakes up and ends.
        TcpStream::connect(self.address).ok();
    }
}

fn serve(answers: &Answers, log: &Mutex<Vec<Request>>, mut wire: Wire) {
    let mut lines = BufReader::new(wire.stream.try_clone().unwrap().take(64 << 10)).lines().map_while(Result::ok);
    let Some(first) = lines.next() else { return };
    let headers = lines.take_while(|line| !line.is_empty());
    let split =
        |line: String| line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    let headers = headers.filter_map(split).collect();
    let request = Request { path: first.split(' ').nth(1).unwrap_or_default().to_owned(), headers };
    log.lock().unwrap().push(request.clone());
    match answers(&request) {
        Some(Reply::Free(script)) => script(&mut wire),
        Some(reply) => {
            wire.send(&reply.bytes());
        }
        None => {}
    }
}

/// What the real Hub does: small files itself, large ones by a redirect with a signature to a store.
pub(crate) fn honest(model: &Model, request: &Request) -> Reply {
    let path = request.path.split('?').next().unwrap_or_default();
    if path.ends_with(&format!("/api/models/{REPO}/revision/main")) || path.ends_with(&format!("/revision/{COMMIT}")) {
        let siblings: Vec<_> = model.names().map(|name| serde_json::json!({"rfilename": name})).collect();
        let body = serde_json::json!({"id": REPO, "sha": COMMIT, "siblings": siblings}).to_string();
        return Reply::Plain(200, vec![("Content-Type".into(), "application/json".into())], body.into_bytes());
    }
    if let Some(name) = path.split_once("/store/").map(|(_, name)| name)
        && let Some(content) = model.get(name)
    {
        return part(request, content).with("ETag", "\"0123-multipart-4\"");
    }
    let resolved = path.split_once(&format!("/{REPO}/resolve/{COMMIT}/")).map(|(_, name)| name);
    let Some((name, content)) = resolved.and_then(|name| Some((name, model.get(name)?))) else {
        return Reply::Plain(404, vec![("X-Error-Code".into(), "RepoNotFound".into())], b"secret words".to_vec());
    };
    let reply = match name.ends_with(".safetensors") {
        true => redirect(&format!("/store/{name}?Signature=hf_signed"))
            .with("X-Linked-ETag", &format!("\"{}\"", model.etag(name)))
            .with("X-Linked-Size", &content.len().to_string()),
        false => part(request, content).with("ETag", &format!("\"{}\"", model.etag(name))),
    };
    reply.with("X-Repo-Commit", COMMIT)
}

/// A file, or its end as asked for.
pub(crate) fn part(request: &Request, content: &[u8]) -> Reply {
    match request.from() {
        Some(start) if start >= content.len() => {
            Reply::Plain(416, vec![("Content-Range".into(), format!("bytes */{}", content.len()))], Vec::new())
        }
        Some(start) => {
            let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
            Reply::Plain(206, vec![("Content-Range".into(), range)], content[start..].to_vec())
        }
        None => Reply::Plain(200, Vec::new(), content.to_vec()),
    }
}
