//! Requests to the Hub and the redirects they lead to. The token goes to the endpoint's own scheme, host and port
//! only, and to nobody once a redirect has led elsewhere.

use std::time::Duration;

use ureq::Body;
use ureq::http::{HeaderMap, header};

use super::fault::{Fault, Kind, in_words};
use super::limits::Limits;
use super::url::Url;

/// Sends requests.
pub(super) struct Client {
    agent: ureq::Agent,
    endpoint: Url,
    /// The `Authorization` header.
    token: Option<String>,
    redirects: usize,
}

/// One server's answer on the way.
pub(super) struct Hop {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
}

/// The end of the way.
pub(super) struct Answer {
    /// 200, 206 or 416.
    pub(super) status: u16,
    /// All answers; the last is the one the body belongs to.
    pub(super) hops: Vec<Hop>,
}

impl Answer {
    /// A header of the last answer, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.hops.last()?.headers.get(name)?.to_str().ok()
    }

    /// Who sent the last answer.
    pub(super) fn host(&self) -> String {
        self.hops.last().map(|hop| hop.url.origin()).unwrap_or_default()
    }
}

impl Client {
    /// A client for the endpoint; proxies are those of the environment.
    pub(super) fn new(endpoint: Url, token: Option<String>, limits: &Limits) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // Each redirect is looked at here.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("runner/", env!("CARGO_PKG_VERSION")))
            .accept("*/*")
            .timeout_resolve(Some(limits.connect))
            .timeout_connect(Some(limits.connect))
            .timeout_send_request(Some(limits.answer))
            .timeout_recv_response(Some(limits.answer))
            .timeout_per_read(Some(limits.idle))
            .timeout_per_write(Some(limits.idle))
            // Nothing that a server sends after an answer can become part of another one.
            .max_idle_connections(0)
            .build();
        Self { agent: config.new_agent(), endpoint, token, redirects: limits.redirects }
    }

    /// The server all requests begin at.
    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Asks for what is behind a path of the endpoint, from byte `from` on.
    pub(super) fn get(&self, path: &str, from: u64) -> Result<(Answer, Body), Fault> {
        let mut url = self.endpoint.below(path);
        let mut at_home = true;
        let mut hops: Vec<Hop> = Vec::new();
        loop {
            at_home &= url.same_origin(&self.endpoint);
            let response = self.ask(&url, from, at_home).map_err(|e| in_words(&e, &url.origin()))?;
            let status = response.status().as_u16();
            let (parts, body) = response.into_parts();
            let location = match status {
                301 | 302 | 303 | 307 | 308 => parts.headers.get(header::LOCATION).cloned(),
                _ => None,
            };
            let hop = Hop { url: url.clone(), headers: parts.headers };
            let Some(location) = location else {
                check(status, &hop, at_home)?;
                hops.push(hop);
                return Ok((Answer { status, hops }, body));
            };
            hops.push(hop);
            url = self.follow(&hops, location.to_str().unwrap_or(" "))?;
        }
    }

    fn ask(&self, url: &Url, from: u64, with_token: bool) -> Result<ureq::http::Response<Body>, ureq::Error> {
        // Without compression the checksums and lengths are those of the file.
        let mut request = self.agent.get(url.whole()).header(header::ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        if let Some(token) = self.token.as_ref().filter(|_| with_token) {
            request = request.header(header::AUTHORIZATION, token);
        }
        request.call()
    }

    /// Where a redirect leads, if it may be followed.
    fn follow(&self, hops: &[Hop], location: &str) -> Result<Url, Fault> {
        let hostile = |what: String| Err(Fault::new(Kind::Hostile, what));
        let Some(last) = hops.last().map(|hop| &hop.url) else { return hostile("there is no redirect".to_owned()) };
        let host = last.origin();
        let next = match last.join(location) {
            Ok(next) => next,
            Err(reason) => return hostile(format!("{host} redirects to an address that cannot be used: {reason}")),
        };
        if last.is_secure() && !next.is_secure() {
            return hostile(format!(
                "{host} redirects from https to plain {}, which anybody may change",
                next.origin()
            ));
        }
        let way = || {
            let mut hosts: Vec<String> = hops.iter().map(|hop| hop.url.origin()).collect();
            hosts.dedup();
            hosts.join(", ")
        };
        if hops.iter().any(|hop| hop.url == next) {
            return hostile(format!("{host} redirects in a circle (by way of {})", way()));
        }
        if hops.len() > self.redirects {
            return hostile(format!("more than {} redirects follow each other (by way of {})", self.redirects, way()));
        }
        Ok(next)
    }
}

/// Turns a status into a fault unless the body can be used.
fn check(status: u16, hop: &Hop, at_home: bool) -> Result<(), Fault> {
    let host = hop.url.origin();
    let code = hop.headers.get("x-error-code").and_then(|code| code.to_str().ok()).unwrap_or_default();
    let word = match (status, code) {
        (200 | 206 | 416, _) => return Ok(()),
        (401 | 403, "GatedRepo") => "the model is gated: accept its licence on its page first",
        (404, "RevisionNotFound") => "there is no such revision",
        (404, "EntryNotFound") => "there is no such file",
        (401, _) => "without a valid token it says so also of models that do not exist",
        (403, _) => "forbidden",
        (404, _) => "not found",
        (429, _) => "too many requests",
        (500.., _) => "trouble of the server",
        _ => "no answer this program can use",
    };
    let what = format!("{host} answers {status} ({word})");
    let wait = || hop.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs);
    Err(match status {
        408 | 425 | 429 | 500.. => Fault::new(Kind::Busy(wait()), what),
        // A store behind the Hub refuses addresses that have become too old: the Hub gives out a new one.
        400..500 if !at_home => Fault::new(Kind::Broken, what),
        401 | 403 | 404 | 410 | 451 => Fault::new(Kind::Refused, what),
        _ => Fault::new(Kind::Hostile, what),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(from: &str, location: &str) -> Result<String, Fault> {
        let client = Client::new(Url::parse(from).unwrap(), None, &Limits::default());
        let hop = Hop { url: Url::parse(from).unwrap(), headers: HeaderMap::new() };
        client.follow(&[hop], location).map(|url| url.whole())
    }

    #[test]
    fn nothing_leads_from_https_to_http() {
        for location in ["http://hub.example/x", "http://cdn.example/x?Signature=secret", "HTTP://hub.example:443/"] {
            let fault = follow("https://hub.example/a", location).unwrap_err();
            assert!(fault.kind == Kind::Hostile && fault.what.contains("https to plain"), "{fault:?}");
            assert!(!fault.what.contains("secret"), "{fault:?}");
        }
        assert_eq!(follow("https://hub.example/a", "//cdn.example/x").unwrap(), "https://cdn.example/x");
        assert_eq!(follow("http://hub.example/a", "https://cdn.example/x").unwrap(), "https://cdn.example/x");
    }
}
