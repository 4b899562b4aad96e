//! Whatever a server does, nobody waits for ever; and a stop is heard at once.

use std::cell::Cell;
use std::time::{Duration, Instant};

use runner::hub::{Hub, HubError, News, Wanted, Watch};
use runner::models::families::FOLDERS;

use super::model::{COMMIT, CONFIG, Cache, Model, WEIGHTS, fails, id, succeeds};
use super::server::{Reply, Server, Wire, honest};

/// What a server does with a connection, at this pace.
type Script = fn(&mut Wire, Duration);

/// Little patience.
fn hub(cache: &Cache, server: &Server) -> Hub {
    let mut hub = cache.hub(&server.url);
    hub.limits.answer = Duration::from_millis(1500);
    hub.limits.idle = Duration::from_millis(600);
    hub.limits.tries = 1;
    hub
}

fn head(more: &str) -> Vec<u8> {
    let model = Model::tiny();
    let head = format!("HTTP/1.1 200 OK\r\nETag: {}\r\nX-Repo-Commit: {COMMIT}\r\n{more}", model.etag(CONFIG));
    head.into_bytes()
}

#[test]
fn silence_and_drops_are_given_up_in_time() {
    let model = Model::tiny();
    let tick = Duration::from_millis(20);
    let scripts: [(&str, Script); 7] = [
        ("silence", |wire, _| wire.wait(Duration::from_secs(20))),
        ("a drop of header now and then", |wire, tick| {
            wire.send(&head("X: "));
            wire.drip(b"x", tick);
        }),
        ("header lines for ever", |wire, tick| {
            wire.send(&head(""));
            wire.drip(b"X: y\r\n", tick);
        }),
        ("continue, continue", |wire, tick| wire.drip(b"HTTP/1.1 100 Continue\r\n\r\n", tick)),
        ("a drop of body now and then", |wire, tick| {
            wire.send(&head("Content-Length: 60000\r\n\r\n"));
            wire.drip(b"x", tick);
        }),
        ("a chunk that never begins", |wire, tick| {
            wire.send(&head("Transfer-Encoding: chunked\r\n\r\n"));
            wire.drip(b"0", tick);
        }),
        ("a comment of a chunk that never ends", |wire, tick| {
            wire.send(&head("Transfer-Encoding: chunked\r\n\r\n5;"));
            wire.drip(b"x", tick);
        }),
    ];
    let attempt = |what: &str, script: Script| {
        let cache = Cache::new();
        let server = Server::new(&model, move |request| {
            request.is_for(CONFIG).then(|| Reply::Free(Box::new(move |wire| script(wire, tick))))
        });
        let begun = Instant::now();
        let error = fails(&cache, &hub(&cache, &server), &model);
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
        assert!(error.to_string().contains(&server.url), "{what}: {error}");
        assert!(matches!(error, HubError::Network { .. } | HubError::Server { .. }), "{what}: {error}");
    };
    std::thread::scope(|scope| {
        for (what, script) in scripts {
            let attempt = &attempt;
            scope.spawn(move || attempt(what, script));
        }
    });
}

#[test]
fn a_stalled_body_is_continued_on_another_connection() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let files = model.clone();
    let server = Server::new(&model, move |request| {
        let stalls = request.path.contains("/store/unet") && request.from().is_none();
        stalls.then(|| honest(&files, request).stall(30_000))
    });
    let mut hub = hub(&cache, &server);
    hub.limits.answer = Duration::from_secs(10);
    hub.limits.tries = 2;
    succeeds(&cache, &hub, &model);
    assert!(server.log().iter().any(|request| request.from() == Some(30_000)));
}

#[test]
fn a_slow_body_that_brings_enough_is_waited_for() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let files = model.clone();
    let server = Server::new(&model, move |request| {
        let bytes = request.path.contains("/store/unet").then(|| honest(&files, request).bytes())?;
        Some(Reply::Free(Box::new(move |wire| {
            for piece in bytes.chunks(20_000) {
                wire.send(piece);
                wire.wait(Duration::from_millis(120));
            }
        })))
    });
    let mut hub = hub(&cache, &server);
    hub.limits.answer = Duration::from_secs(10);
    hub.limits.idle_bytes = 1;
    hub.limits.idle = Duration::from_millis(900);
    succeeds(&cache, &hub, &model);
}

#[test]
fn a_stop_is_heard_at_once_and_keeps_what_has_arrived() {
    let model = Model::tiny();
    let files = model.clone();
    let server = Server::new(&model, move |request| {
        (request.path.contains("/store/unet") && request.from().is_none())
            .then(|| honest(&files, request).stall(30_000))
    });
    let cache = Cache::new();
    let hub = cache.hub(&server.url);
    let (seen, stopped) = (Cell::new(false), Cell::new(None));
    let news = |news| seen.set(seen.get() || matches!(news, News::Piece(piece) if piece.file == WEIGHTS));
    let partial = cache.blob(&format!("{}.incomplete", model.etag(WEIGHTS)));
    let stop = || {
        let there = std::fs::metadata(&partial).is_ok_and(|meta| meta.len() == 30_000);
        if seen.get() && there && stopped.get().is_none() {
            stopped.set(Some(Instant::now()));
        }
        stopped.get().is_some()
    };
    let error = hub.resolve(&id(), Wanted::files(&FOLDERS), Watch { news: &news, stop: &stop }).unwrap_err();
    assert!(matches!(error, HubError::Stopped { .. }), "{error}");
    assert!(stopped.get().unwrap().elapsed() < Duration::from_secs(1));
    assert_eq!(std::fs::metadata(&partial).unwrap().len(), 30_000);
    succeeds(&cache, &hub, &model);
    assert!(server.log().iter().any(|request| request.from() == Some(30_000)));
}
