//! Why a request did not bring what it should. The words name the server, never a path or a query: in a signed URL
//! these are keys.

use std::io::ErrorKind;
use std::time::Duration;

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No answer: no network, no such host, a connection that broke or stalled.
    Network,
    /// The same for the first request of all: more attempts would only keep the user waiting.
    Unreachable,
    /// The server said no.
    Refused,
    /// The server has no time now; it may say how long to wait.
    Busy(Option<Duration>),
    /// The server broke a rule and may not do so the next time.
    Broken,
    /// The server broke a rule that must not be bent.
    Hostile,
    /// The user wants to stop.
    Stopped,
}

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// A whole clause with the server in it, e.g. `https://hub answers 404 (not found)`.
    pub(super) what: String,
}

impl Fault {
    pub(super) fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }

    pub(super) fn stopped() -> Self {
        Self::new(Kind::Stopped, "stopped")
    }

    /// Whether the same request may succeed a little later.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.kind, Kind::Network | Kind::Busy(_) | Kind::Broken)
    }
}

/// What ureq reports, in words. Its own texts may contain URLs, so only those of the system and of TLS are kept.
pub(super) fn in_words(error: &ureq::Error, host: &str) -> Fault {
    use ureq::{Error, Timeout};
    let network = |what: String| Fault::new(Kind::Network, what);
    match error {
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            network(format!("{host} cannot be reached: no connection within the time limit"))
        }
        Error::Timeout(_) => network(format!("{host} is silent: no answer within the time limit")),
        Error::HostNotFound => network(format!("{host} cannot be reached: there is no host of that name")),
        Error::Io(e) if e.kind() == ErrorKind::UnexpectedEof => {
            network(format!("{host} closed the connection too early"))
        }
        Error::Io(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
            network(format!("the connection to {host} broke: {e}"))
        }
        Error::Io(e) => network(format!("{host} cannot be reached: {e}")),
        Error::ConnectionFailed => network(format!("{host} cannot be reached")),
        Error::ConnectProxyFailed(_) => network(format!("{host} cannot be reached: the proxy refuses the connection")),
        Error::InvalidProxyUrl => network(format!("{host} cannot be reached: the proxy's address is no URL")),
        Error::Tls(e) => network(format!("there is no safe connection to {host}: {e}")),
        Error::Rustls(e) => network(format!("there is no safe connection to {host}: {e}")),
        Error::LargeResponseHeader(..) => Fault::new(Kind::Broken, format!("{host} sends too large a header")),
        _ => Fault::new(Kind::Broken, format!("{host} does not answer as HTTP/1.1 demands")),
    }
}
