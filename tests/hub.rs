//! The Hub client against a cache folder and a small server on this machine; the real network is never used.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use runner::diffusion::hub::{Hub, HubError, ModelId};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const FILES: [&str; 10] = [
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/merges.txt",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
];

fn hub(cache: &Path, endpoint: &str, offline: bool) -> Hub {
    Hub { cache: cache.to_owned(), endpoint: endpoint.to_owned(), token: None, offline }
}

fn id() -> ModelId {
    "some-owner/tiny".parse().unwrap()
}

fn fill_cache(cache: &Path, without: Option<&str>) {
    let repo = cache.join("models--some-owner--tiny");
    std::fs::create_dir_all(repo.join("refs")).unwrap();
    std::fs::write(repo.join("refs/main"), COMMIT).unwrap();
    for file in FILES.iter().filter(|file| Some(**file) != without) {
        let path = repo.join("snapshots").join(COMMIT).join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    }
}

#[test]
fn a_complete_cache_needs_no_network() {
    let cache = tempfile::tempdir().unwrap();
    fill_cache(cache.path(), None);
    // nothing listens on port 9; with a working network it would not be asked either
    for offline in [true, false] {
        let hub = hub(cache.path(), "http://127.0.0.1:9", offline);
        let folder = hub.resolve(&id(), &mut |_| panic!("nothing to download")).unwrap();
        assert!(folder.ends_with(format!("models--some-owner--tiny/snapshots/{COMMIT}")));
        let by_commit = format!("some-owner/tiny@{COMMIT}").parse().unwrap();
        assert_eq!(hub.resolve(&by_commit, &mut |_| ()).unwrap(), folder);
    }
}

#[test]
fn without_network_the_error_says_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    fill_cache(cache.path(), Some("unet/diffusion_pytorch_model.safetensors"));
    let error = hub(cache.path(), "http://127.0.0.1:9", true).resolve(&id(), &mut |_| ()).unwrap_err();
    assert!(matches!(error, HubError::Offline { .. }));
    let text = error.to_string();
    assert!(text.contains("unet/diffusion_pytorch_model.safetensors"), "{text}");
    assert!(text.contains("--offline"), "{text}");

    let start = Instant::now();
    let error = hub(cache.path(), "http://127.0.0.1:9", false).resolve(&id(), &mut |_| ()).unwrap_err();
    assert!(matches!(error, HubError::Network { .. }), "{error}");
    assert!(error.to_string().contains("http://127.0.0.1:9 cannot be reached"), "{error}");
    let error = hub(cache.path(), "https://no-such-host.invalid", false).resolve(&id(), &mut |_| ()).unwrap_err();
    assert!(matches!(error, HubError::Network { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(25));
}

/// Serves the repository as the Hub does; answers every request on its own connection.
fn serve(files: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let Some(request) = lines.next() else { continue };
            let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let respond = |stream: &mut std::net::TcpStream, status: &str, headers: &str, body: &[u8]| {
                let head = format!(
                    "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok();
            };
            if path == "/api/models/some-owner/tiny/revision/main" {
                let siblings: Vec<_> = files.iter().map(|file| serde_json::json!({"rfilename": file})).collect();
                let body = serde_json::json!({"sha": COMMIT, "siblings": siblings}).to_string();
                respond(&mut stream, "200 OK", "Content-Type: application/json\r\n", body.as_bytes());
                continue;
            }
            let prefix = format!("/some-owner/tiny/resolve/{COMMIT}/");
            match path.strip_prefix(&prefix).filter(|file| files.contains(file)) {
                Some(file) => {
                    let body = format!("content of {file}");
                    let probe = headers.iter().any(|h| h.eq_ignore_ascii_case("range: bytes=0-0"));
                    let sent = if probe { &body.as_bytes()[..1] } else { body.as_bytes() };
                    let headers = format!(
                        "ETag: \"{}\"\r\nX-Repo-Commit: {COMMIT}\r\nContent-Range: bytes 0-{}/{}\r\n",
                        file.replace('/', "_"),
                        sent.len() - 1,
                        body.len()
                    );
                    respond(&mut stream, "206 Partial Content", &headers, sent);
                }
                None => respond(&mut stream, "404 Not Found", "", b""),
            }
        }
    });
    endpoint
}

#[test]
fn missing_files_are_downloaded_once() {
    const LISTED: [&str; 12] = {
        let mut all = ["README.md"; 12];
        let mut i = 0;
        while i < FILES.len() {
            all[i] = FILES[i];
            i += 1;
        }
        all[11] = "unet/diffusion_pytorch_model.bin";
        all
    };
    let cache = tempfile::tempdir().unwrap();
    let endpoint = serve(&LISTED);
    let mut seen = std::collections::BTreeSet::new();
    let folder = hub(cache.path(), &endpoint, false)
        .resolve(&id(), &mut |piece| {
            if piece.done == piece.total {
                seen.insert(piece.file.clone());
            }
        })
        .unwrap();
    assert_eq!(seen.iter().map(String::as_str).collect::<Vec<_>>(), FILES);
    for file in FILES {
        assert_eq!(std::fs::read_to_string(folder.join(file)).unwrap(), format!("content of {file}"));
    }
    assert_eq!(hub(cache.path(), &endpoint, true).resolve(&id(), &mut |_| ()).unwrap(), folder);
}

#[test]
fn what_the_hub_lacks_or_refuses_is_explained() {
    let cache = tempfile::tempdir().unwrap();
    let endpoint = serve(&["model_index.json", "unet/diffusion_pytorch_model.bin"]);
    let error = hub(cache.path(), &endpoint, false).resolve(&id(), &mut |_| ()).unwrap_err();
    assert!(matches!(error, HubError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains("unet/diffusion_pytorch_model.safetensors"), "{error}");
    let other = "some-owner/other".parse().unwrap();
    let error = hub(cache.path(), &endpoint, false).resolve(&other, &mut |_| ()).unwrap_err();
    assert!(matches!(error, HubError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("HF_TOKEN"), "{error}");
}
