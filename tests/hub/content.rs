//! Nothing gets its final name before its size and checksum are right; what is wrong is fetched again, not for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runner::hub::{HubError, News};

use super::model::{COMMIT, CONFIG, Cache, Model, WEIGHTS, fails, succeeds, told};
use super::server::{Reply, Request, Server, honest, part};

/// Makes a wrong answer of a right one.
type Spoil = Box<dyn Fn(&Request, Reply) -> Reply + Send + Sync>;

/// A server that spoils the first `times` answers that carry the bytes of a file.
fn spoiled(
    file: &'static str,
    times: usize,
    spoil: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static,
) -> (Server, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let (seen, model) = (Arc::clone(&count), Model::tiny());
    let server = Server::new(&Model::tiny(), move |request| {
        let carries = request.is_for(file) && (request.path.starts_with("/store/") || !file.ends_with(".safetensors"));
        (carries && seen.fetch_add(1, Ordering::SeqCst) < times).then(|| spoil(request, honest(&model, request)))
    });
    (server, count)
}

fn flipped(mut body: Vec<u8>) -> Vec<u8> {
    let at = body.len() / 2;
    body[at] ^= 1;
    body
}

#[test]
fn one_flipped_bit_is_fetched_again_and_never_kept() {
    let model = Model::tiny();
    for file in [WEIGHTS, CONFIG] {
        let cache = Cache::new();
        let (server, count) = spoiled(file, 1, |_, reply| reply.body(flipped));
        let news = succeeds(&cache, &cache.hub(&server.url), &model);
        assert!(told(&news).contains("checksum"), "{news:?}");
        assert_eq!(count.load(Ordering::SeqCst), 2);

        let cache = Cache::new();
        let (server, count) = spoiled(file, usize::MAX, |_, reply| reply.body(flipped));
        let error = fails(&cache, &cache.hub(&server.url), &model);
        assert!(matches!(error, HubError::Server { .. }), "{error}");
        assert!(error.to_string().contains(file) && error.to_string().contains(&server.url), "{error}");
        assert_eq!(count.load(Ordering::SeqCst), 2);
        assert!(!cache.blobs().iter().any(|name| name.contains(&model.etag(file))), "{:?}", cache.blobs());
        // Once the server is honest, all is well.
        let server = Server::honest(&model);
        succeeds(&cache, &cache.hub(&server.url), &model);
    }
}

#[test]
fn a_short_body_is_continued() {
    let model = Model::tiny();
    let cache = Cache::new();
    let (server, _) =
        spoiled(WEIGHTS, 2, |request, reply| reply.cut(if request.from().is_some() { 70_000 } else { 50_000 }));
    let news = succeeds(&cache, &cache.hub(&server.url), &model);
    let froms: Vec<_> = server.log().iter().filter(|r| r.path.contains("/store/unet")).map(Request::from).collect();
    assert_eq!(froms, [None, Some(50_000), Some(120_000)]);
    assert!(news.iter().any(|n| matches!(n, News::Piece(piece) if piece.resumed == 50_000)), "{news:?}");
    assert!(told(&news).contains("too early") || told(&news).contains("ended"), "{news:?}");
}

#[test]
fn what_has_arrived_is_kept_for_the_next_run() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let (server, count) =
        spoiled(WEIGHTS, usize::MAX, |request, reply| reply.cut(if request.from().is_some() { 0 } else { 50_000 }));
    let error = fails(&cache, &cache.hub(&server.url), &model);
    assert!(error.to_string().contains("tried 3 times") && error.to_string().contains(&server.url), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 3);
    let partial = cache.blob(&format!("{}.incomplete", model.etag(WEIGHTS)));
    assert_eq!(std::fs::metadata(&partial).unwrap().len(), 50_000);
    // One of another content stays as it is.
    cache.put("0000000000000000000000000000000000000000.incomplete", b"of something else");
    let server = Server::honest(&model);
    let (result, _) = super::model::resolve(&cache.hub(&server.url));
    result.unwrap();
    assert_eq!(std::fs::read(cache.blob(&model.etag(WEIGHTS))).unwrap(), model.get(WEIGHTS).unwrap());
    let asked: Vec<_> = server.log().iter().filter(|r| r.path.contains("/store/unet")).map(Request::from).collect();
    assert_eq!(asked.last(), Some(&Some(50_000)));
    let other = cache.blob("0000000000000000000000000000000000000000.incomplete");
    assert_eq!(std::fs::read(other).unwrap(), b"of something else");
}

#[test]
fn a_stored_part_that_is_wrong_is_not_believed() {
    let model = Model::tiny();
    let whole = model.get(WEIGHTS).unwrap();
    let wrong = flipped(whole.to_vec());
    for part in [vec![7; 1000], wrong[..150_000].to_vec(), wrong.clone(), [whole, b"more"].concat(), whole.to_vec()] {
        let cache = Cache::new();
        cache.put(&format!("{}.incomplete", model.etag(WEIGHTS)), &part);
        let server = Server::honest(&model);
        succeeds(&cache, &cache.hub(&server.url), &model);
    }
}

#[test]
fn endless_bodies_end() {
    let model = Model::tiny();
    for file in [WEIGHTS, CONFIG] {
        for head in ["", "Transfer-Encoding: chunked\r\n", "Content-Length: 9000000000000000000\r\n"] {
            let (cache, etag) = (Cache::new(), model.etag(file));
            let server = Server::new(&model, move |request| {
                let (head, etag) = (head.to_owned(), etag.clone());
                let carries = request.is_for(file) && (request.path.starts_with("/store/") || file == CONFIG);
                carries.then(|| {
                    Reply::Free(Box::new(move |wire| {
                        let head = format!(
                            "HTTP/1.1 200 OK\r\nETag: {etag}\r\nX-Repo-Commit: {COMMIT}\r\n\
                             {head}Connection: close\r\n\r\n"
                        );
                        wire.send(head.as_bytes());
                        let chunk = [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat();
                        wire.drip(if head.contains("chunked") { &chunk } else { &[b'x'; 0x10000] }, Duration::ZERO);
                    }))
                })
            });
            let error = fails(&cache, &cache.hub(&server.url), &model);
            assert!(error.to_string().contains(file) && error.to_string().contains(&server.url), "{error}");
            assert!(!cache.blobs().iter().any(|name| name.contains(&model.etag(file))), "{:?}", cache.blobs());
        }
    }
}

#[test]
fn bodies_come_in_every_legal_form() {
    let model = Model::tiny();
    let chunked = |request: &Request| {
        let body = part(request, Model::tiny().get(WEIGHTS).unwrap()).bytes();
        let body = &body[body.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4..];
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for piece in body.chunks(7777) {
            bytes.extend(format!("{:x};a=b\r\n", piece.len()).bytes());
            bytes.extend(piece.iter().chain(b"\r\n"));
        }
        Reply::Raw([&bytes[..], b"0\r\n\r\n"].concat())
    };
    let old = |request: &Request| {
        let Reply::Plain(_, _, body) = part(request, Model::tiny().get(WEIGHTS).unwrap()) else { unreachable!() };
        Reply::Raw([b"HTTP/1.0 200 OK\r\n\r\n", &body[..]].concat())
    };
    let unasked = |request: &Request| {
        let content = Model::tiny().0.remove(WEIGHTS).unwrap();
        let range = format!("bytes 0-{}/{}", content.len() - 1, content.len());
        assert_eq!(request.from(), None);
        Reply::Plain(206, vec![("Content-Range".into(), range)], content)
    };
    let answers: [fn(&Request) -> Reply; 3] = [chunked, old, unasked];
    for answer in answers {
        let cache = Cache::new();
        let server = Server::new(&model, move |request| request.path.contains("/store/unet").then(|| answer(request)));
        succeeds(&cache, &cache.hub(&server.url), &model);
    }
}

#[test]
fn a_range_that_is_not_understood_is_not_taken_for_one() {
    let model = Model::tiny();
    let half = 100_000;
    let whole = model.get(WEIGHTS).unwrap().len();
    let answers: [(&str, Spoil); 7] = [
        ("ignored", Box::new(|_, _| Reply::Plain(200, Vec::new(), Model::tiny().0.remove(WEIGHTS).unwrap()))),
        ("416", Box::new(|_, _| Reply::Plain(416, Vec::new(), Vec::new()))),
        ("no range", Box::new(|_, reply| reply.without("Content-Range"))),
        ("earlier", Box::new(move |_, reply| reply.with("Content-Range", &format!("bytes 5-{}/{whole}", whole - 1)))),
        (
            "other total",
            Box::new(move |_, reply| reply.with("Content-Range", &format!("bytes {half}-{}/{}", whole + 4, whole + 5))),
        ),
        (
            "not to the end",
            Box::new(move |_, reply| {
                reply
                    .body(|body| body[..10].to_vec())
                    .with("Content-Range", &format!("bytes {half}-{}/{whole}", half + 9))
            }),
        ),
        (
            "bytes of the beginning",
            Box::new(move |_, reply| reply.body(|body| Model::tiny().get(WEIGHTS).unwrap()[..body.len()].to_vec())),
        ),
    ];
    for (what, answer) in answers {
        let cache = Cache::new();
        cache.put(&format!("{}.incomplete", model.etag(WEIGHTS)), &model.get(WEIGHTS).unwrap()[..half]);
        let (files, count) = (model.clone(), AtomicUsize::new(0));
        let server = Server::new(&model, move |request| {
            let resumed = request.path.contains("/store/unet") && request.from().is_some();
            (resumed && count.fetch_add(1, Ordering::SeqCst) == 0).then(|| answer(request, honest(&files, request)))
        });
        let (result, news) = super::model::resolve(&cache.hub(&server.url));
        result.unwrap_or_else(|e| panic!("{what}: {e} {news:?}"));
        succeeds(&cache, &cache.hub(&server.url), &model);
    }
}

#[test]
fn a_busy_server_is_given_time_but_not_for_ever() {
    let model = Model::tiny();
    for status in [408, 429, 500, 502, 503, 504] {
        let cache = Cache::new();
        let (server, _) = spoiled(WEIGHTS, 2, move |_, _| {
            Reply::Plain(status, vec![("Retry-After".into(), "0".into())], b"secret words".to_vec())
        });
        let news = succeeds(&cache, &cache.hub(&server.url), &model);
        assert!(told(&news).contains(&format!("answers {status}")), "{news:?}");
    }
    for (header, words, tries) in [("1", "tried 2 times", 2), ("9999", "wait 9999 s", 1), ("soon", "tried 2 times", 2)]
    {
        let cache = Cache::new();
        let (server, count) = spoiled(WEIGHTS, usize::MAX, move |_, _| {
            Reply::Plain(503, vec![("Retry-After".into(), header.into())], Vec::new())
        });
        let mut hub = cache.hub(&server.url);
        hub.limits.tries = 2;
        let error = fails(&cache, &hub, &model);
        assert!(matches!(error, HubError::Network { .. }) && error.to_string().contains(words), "{error}");
        assert_eq!(count.load(Ordering::SeqCst), tries);
    }
    // The list of files too, and a store that finds an address too old.
    let (cache, count) = (Cache::new(), AtomicUsize::new(0));
    let server = Server::new(&model, move |request| {
        let first = request.path.contains("/api/") && count.fetch_add(1, Ordering::SeqCst) == 0;
        first.then(|| Reply::Plain(503, Vec::new(), Vec::new()))
    });
    succeeds(&cache, &cache.hub(&server.url), &model);
}

#[test]
fn an_address_of_the_store_that_has_become_too_old_is_asked_for_again() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let (files, count) = (model.clone(), AtomicUsize::new(0));
    let store = Server::any(move |request| {
        let first = count.fetch_add(1, Ordering::SeqCst) == 0;
        Some(if first { Reply::Plain(403, Vec::new(), Vec::new()) } else { honest(&files, request) })
    });
    let (url, files) = (store.url.clone(), model.clone());
    let server = Server::new(&model, move |request| {
        let hub = request.path.contains("/resolve/") && request.is_for(WEIGHTS);
        hub.then(|| honest(&files, request).with("Location", &format!("{url}/store/{WEIGHTS}?Signature=hf_signed")))
    });
    succeeds(&cache, &cache.hub(&server.url), &model);
}

#[test]
fn sizes_and_codings_that_do_not_fit_are_refused() {
    let model = Model::tiny();
    let cases: [(&str, &'static str, &'static str, &str); 6] = [
        (WEIGHTS, "X-Linked-Size", "10", "where"),
        (WEIGHTS, "X-Linked-Size", "99999999999999999999", "no number"),
        (WEIGHTS, "X-Linked-Size", "-1", "no number"),
        (WEIGHTS, "X-Linked-Size", "2000000", "more than"),
        (CONFIG, "Content-Encoding", "gzip", "compressed"),
        (CONFIG, "Content-Length", "300000", "more than"),
    ];
    for (file, header, value, words) in cases {
        let (cache, files) = (Cache::new(), model.clone());
        let file = file.to_owned();
        let name = file.clone();
        let server = Server::new(&model, move |request| {
            let hub = request.path.contains("/resolve/") && request.is_for(&file);
            hub.then(|| honest(&files, request).with(header, value))
        });
        let error = fails(&cache, &cache.hub(&server.url), &model);
        assert!(matches!(error, HubError::Server { .. }) && error.to_string().contains(words), "{words}: {error}");
        assert!(error.to_string().contains(&name), "{error}");
    }
}

#[test]
fn a_checksum_must_not_change_on_the_way() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let (files, count) = (model.clone(), AtomicUsize::new(0));
    let server = Server::new(&model, move |request| {
        if request.path.contains("/store/unet") {
            return Some(honest(&files, request).cut(10));
        }
        let again = request.is_for(WEIGHTS) && count.fetch_add(1, Ordering::SeqCst) > 0;
        again.then(|| honest(&files, request).with("X-Linked-ETag", &"ab".repeat(32)))
    });
    let error = fails(&cache, &cache.hub(&server.url), &model);
    assert!(error.to_string().contains("now this and now that"), "{error}");
}

#[test]
fn two_values_of_one_header_are_refused() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let files = model.clone();
    let server = Server::new(&model, move |request| {
        let reply = request.is_for(CONFIG).then(|| honest(&files, request))?;
        let Reply::Plain(status, mut headers, body) = reply else { return None };
        headers.push(("ETag".into(), "ab".repeat(20)));
        Some(Reply::Plain(status, headers, body))
    });
    let error = fails(&cache, &cache.hub(&server.url), &model);
    assert!(error.to_string().contains("two different values"), "{error}");
}

#[test]
fn a_file_without_a_checksum_is_told() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let files = model.clone();
    let server = Server::new(&model, move |request| {
        request.is_for(CONFIG).then(|| honest(&files, request).with("ETag", "\"v1-2\""))
    });
    let news = succeeds(&cache, &cache.hub(&server.url), &model);
    assert!(told(&news).contains("only its size was checked"), "{news:?}");
}

#[test]
fn an_answer_that_is_none_is_refused() {
    let model = Model::tiny();
    let answers: [&[u8]; 9] = [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabcde",
        b"HTTP/1.1 204 No\r\n\r\n",
        b"HTTP/1.1 304 Same\r\n\r\n",
        b"HTTP/1.1 302 Gone\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    ];
    for answer in answers {
        let cache = Cache::new();
        let server = Server::new(&model, move |request| request.is_for(CONFIG).then(|| Reply::Raw(answer.to_vec())));
        let error = fails(&cache, &cache.hub(&server.url), &model);
        assert!(error.to_string().contains(&server.url), "{error}");
    }
}
