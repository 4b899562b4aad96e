//! The token goes to the endpoint only, and no name a server sends becomes a path unchecked.

use std::sync::{Arc, OnceLock};

use runner::hub::{HubError, Token};

use super::model::{COMMIT, CONFIG, Cache, Model, SECRET, WEIGHTS, fails, succeeds};
use super::server::{Reply, Request, Server, honest, redirect};

fn has_token(request: &Request) -> bool {
    request.header("authorization").is_some()
}

#[test]
fn the_token_goes_to_the_endpoint_and_nowhere_else() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let files = model.clone();
    let store = Server::any(move |request| Some(honest(&files, request)));
    let elsewhere = store.url.clone();
    // The store of the weights is another port of the same machine.
    let server = Server::new(&model, move |request| {
        request.path.starts_with("/store").then(|| redirect(&format!("{elsewhere}{}", request.path)))
    });
    succeeds(&cache, &cache.hub(&server.url), &model);
    assert_eq!(store.log().len(), 3);
    assert!(store.log().iter().all(|request| !has_token(request)));
    let bearer = format!("Bearer {SECRET}");
    // The endpoint's own redirect to itself keeps it.
    assert!(server.log().iter().all(|request| request.header("authorization") == Some(&bearer)));
}

#[test]
fn the_token_does_not_come_back_from_elsewhere() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let home = Arc::new(OnceLock::<String>::new());
    let back = Arc::clone(&home);
    let elsewhere = Server::any(move |request| Some(redirect(&format!("{}/store{}", back.get()?, request.path))));
    let away = elsewhere.url.clone();
    let files = model.clone();
    let server = Server::new(&model, move |request| {
        let hub = request.path.contains("/resolve/") && request.is_for(".safetensors");
        hub.then(|| {
            let name = request.path.split_once(COMMIT).unwrap().1;
            honest(&files, request).with("Location", &format!("{away}{name}"))
        })
    });
    home.set(server.url.clone()).unwrap();
    succeeds(&cache, &cache.hub(&server.url), &model);
    let log = server.log();
    let returned: Vec<_> = log.iter().filter(|request| request.path.starts_with("/store/")).collect();
    assert_eq!((returned.len(), elsewhere.log().len()), (3, 3));
    let away = elsewhere.log();
    assert!(!returned.into_iter().chain(&away).any(has_token));
}

#[test]
fn another_spelling_of_the_endpoint_is_another_place() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let port = Arc::new(OnceLock::<String>::new());
    let at = Arc::clone(&port);
    let files = model.clone();
    let server = Server::new(&model, move |request| {
        let hub = request.path.contains("/resolve/") && request.is_for(".safetensors");
        let there = format!("//localhost.localdomain.invalid:{}/store", at.get()?);
        hub.then(|| honest(&files, request).with("Location", &there))
    });
    port.set(server.url.rsplit(':').next().unwrap().to_owned()).unwrap();
    let mut hub = cache.hub(&server.url);
    hub.limits.tries = 1;
    let error = fails(&cache, &hub, &model);
    assert!(error.to_string().contains("http://localhost.localdomain.invalid"), "{error}");
    // A name for the same machine.
    let (cache, files) = (Cache::new(), model.clone());
    let at = Arc::new(OnceLock::<String>::new());
    let port = Arc::clone(&at);
    let server = Server::new(&model, move |request| {
        let hub = request.path.contains("/resolve/") && request.is_for(".safetensors");
        let name = request.path.split_once(COMMIT)?.1;
        let there = format!("http://localhost:{}/store{name}", port.get()?);
        hub.then(|| honest(&files, request).with("Location", &there))
    });
    at.set(server.url.rsplit(':').next().unwrap().to_owned()).unwrap();
    succeeds(&cache, &cache.hub(&server.url), &model);
    assert!(server.log().iter().filter(|request| request.path.starts_with("/store/")).all(|r| !has_token(r)));
}

#[test]
fn redirects_that_lead_astray_are_refused() {
    let model = Model::tiny();
    for location in [
        "http://user:pass@127.0.0.1:1/x",
        "//user@127.0.0.1/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "",
        " ",
        "http://",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1\\@evil/",
        "http://h\u{e9}/",
        "javascript:alert(1)",
        "http://127.0.0.1/\u{1}",
    ] {
        let cache = Cache::new();
        let server = Server::new(&model, move |request| {
            request.is_for(WEIGHTS).then(|| redirect(location).with("X-Repo-Commit", COMMIT))
        });
        let error = fails(&cache, &cache.hub(&server.url), &model);
        assert!(matches!(error, HubError::Server { .. }), "{location}: {error}");
        assert!(error.to_string().contains(&server.url), "{error}");
    }
}

#[test]
fn circles_and_long_ways_end() {
    let model = Model::tiny();
    let circle = |request: &Request| request.is_for(WEIGHTS).then(|| redirect(&request.path));
    let pair = |request: &Request| match request.path.as_str() {
        "/a" => Some(redirect("/b")),
        "/b" => Some(redirect("/a")),
        _ => request.is_for(WEIGHTS).then(|| redirect("/a")),
    };
    for (name, server) in [("circle", Server::new(&model, circle)), ("circle", Server::new(&model, pair))] {
        let cache = Cache::new();
        let error = fails(&cache, &cache.hub(&server.url), &model);
        assert!(error.to_string().contains(name) && error.to_string().contains(&server.url), "{error}");
        assert!(server.log().len() < 20);
    }
    // Ten are followed, eleven not.
    for (more, fine) in [(9, true), (10, false)] {
        let cache = Cache::new();
        let server = Server::new(&model, move |request| {
            let step = |n: usize| format!("/store/{WEIGHTS}?step={n}");
            let at = request.path.strip_prefix(&step(0)[..step(0).len() - 1]).and_then(|n| n.parse::<usize>().ok());
            match at {
                Some(n) if n < more => Some(redirect(&step(n + 1))),
                Some(_) => None,
                None if request.is_for(WEIGHTS) => {
                    let answer = honest(&Model::tiny(), request);
                    Some(answer.with("Location", &step(0)))
                }
                None => None,
            }
        });
        let hub = cache.hub(&server.url);
        if fine {
            succeeds(&cache, &hub, &model);
        } else {
            let error = fails(&cache, &hub, &model);
            assert!(error.to_string().contains("more than 10 redirects"), "{error}");
        }
    }
}

#[test]
fn an_etag_that_is_no_name_is_refused() {
    let model = Model::tiny();
    for etag in [
        "../../../escaped",
        "\"../../../escaped\"",
        "/tmp/escaped",
        "C:\\escaped",
        "a/b",
        "..",
        ".",
        "",
        "\"\"",
        "con",
        "x.incomplete",
        "x.lock",
        "a b",
        "\u{e9}",
        &"a".repeat(300),
    ] {
        for (header, file) in [("ETag", CONFIG), ("X-Linked-ETag", WEIGHTS)] {
            let (cache, etag, files) = (Cache::new(), etag.to_owned(), model.clone());
            let server = Server::new(&model, move |request| {
                let first = request.is_for(file) && request.path.contains("/resolve/");
                first.then(|| honest(&files, request).with(header, &etag))
            });
            let error = fails(&cache, &cache.hub(&server.url), &model);
            assert!(matches!(error, HubError::Server { .. }), "{error}");
            assert!(error.to_string().contains(file), "{error}");
        }
    }
}

#[test]
fn the_commit_is_the_one_that_was_asked_for() {
    let model = Model::tiny();
    let other = COMMIT.replace('0', "1");
    for commit in ["../../../escaped", "", "main", &other] {
        let (cache, commit, files) = (Cache::new(), commit.to_owned(), model.clone());
        let server = Server::new(&model, move |request| {
            request.is_for(CONFIG).then(|| honest(&files, request).with("X-Repo-Commit", &commit))
        });
        let error = fails(&cache, &cache.hub(&server.url), &model);
        assert!(matches!(error, HubError::Server { .. }) && error.to_string().contains("commit"), "{error}");
    }
    let files = model.clone();
    for header in ["X-Repo-Commit", "ETag"] {
        let (cache, files) = (Cache::new(), files.clone());
        let server =
            Server::new(&model, move |request| request.is_for(CONFIG).then(|| honest(&files, request).without(header)));
        let error = fails(&cache, &cache.hub(&server.url), &model);
        assert!(error.to_string().contains(header), "{error}");
    }
}

/// What a list of files says, as JSON.
fn list(sha: &str, names: &[&str]) -> Vec<u8> {
    let siblings: Vec<_> = names.iter().map(|name| serde_json::json!({"rfilename": name})).collect();
    serde_json::json!({"sha": sha, "siblings": siblings}).to_string().into_bytes()
}

#[test]
fn a_list_of_files_that_is_none_is_refused() {
    let model = Model::tiny();
    let mut lists: Vec<(Vec<u8>, &str)> = [
        "../../../escaped",
        "/tmp/escaped",
        "unet/../../../escaped",
        "unet//config.json",
        "C:/escaped",
        "a\\..\\b",
        "a\nb",
        "a\u{0}b",
        "\u{1b}[2J",
        "",
        &"a/".repeat(2000),
    ]
    .iter()
    .map(|name| (list(COMMIT, &["model_index.json", name]), "entry 2"))
    .collect();
    lists.extend(["", "main", "../../../escaped", &COMMIT[1..]].map(|sha| (list(sha, &[]), "commit")));
    lists.push((list(COMMIT, &["a"; 101]), "more than 100 files"));
    lists.push((vec![b' '; 70_000], "more than 65536 bytes"));
    lists.push((b"<html>Log in to the hotel's network</html>".to_vec(), "not whole JSON"));
    lists.push((b"{\"sha\":\"hf_secret\",\"siblings\":\"hf_secret\"}".to_vec(), "not as the Hub's"));
    lists.push((vec![b'['; 50_000], "not as the Hub's"));
    for (body, words) in lists {
        let cache = Cache::new();
        let server = Server::new(&model, move |request| {
            request.path.contains("/api/").then(|| Reply::Plain(200, Vec::new(), body.clone()))
        });
        let error = fails(&cache, &cache.hub(&server.url), &model);
        assert!(matches!(error, HubError::Server { .. }) && error.to_string().contains(words), "{words}: {error}");
        assert!(error.to_string().len() < 1000, "{error}");
        assert_eq!(server.log().len(), 1);
    }
}

#[test]
fn names_that_are_not_needed_are_not_asked_for() {
    let cache = Cache::new();
    let mut model = Model::tiny();
    for name in ["unet/.hidden-of-x.safetensors", "a/b/c/config.json", "images/Grüße & more.png", "aux.json"] {
        model.0.insert(name.to_owned(), b"x".to_vec());
    }
    let server = Server::honest(&model);
    let needed = Model::tiny();
    succeeds(&cache, &cache.hub(&server.url), &needed);
    assert_eq!(server.count("aux.json") + server.count("more.png") + server.count("c/config.json"), 0);
}

#[test]
fn settings_that_cannot_be_used_are_told_before_anything_is_sent() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let server = Server::honest(&model);
    for token in ["hf_secret\nX-Evil: 1", "hf_secret\r\nhf", "hf secret", "hf_secr\u{e9}t", "hf_secret\u{7f}"] {
        let mut hub = cache.hub(&server.url);
        hub.token = Some(Token::new(token, "HF_TOKEN"));
        let error = fails(&cache, &hub, &model);
        assert!(matches!(error, HubError::Setting { .. }) && error.to_string().contains("HF_TOKEN"), "{error}");
    }
    for endpoint in [
        "127.0.0.1",
        "localhost:80",
        "ftp://127.0.0.1",
        "http://",
        "http://hf_secret:x@127.0.0.1:9",
        "http://127.0.0.1:9?Signature=x",
        "http://127.0.0.1:9/#x",
        "http://127.0.0.1:x",
        "\u{0}",
        "http://127.0.0.1 /",
    ] {
        let error = fails(&cache, &cache.hub(endpoint), &model);
        assert!(matches!(error, HubError::Setting { .. }) && error.to_string().contains("HF_ENDPOINT"), "{error}");
    }
    assert!(server.log().is_empty());
}
