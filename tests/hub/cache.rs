//! The cache is shared with Python's huggingface_hub, asked first, and mended where it is damaged.

use std::time::{Duration, Instant};

use runner::hub::{HubError, News, Wanted};
use runner::models::families::FOLDERS;

use super::model::{COMMIT, CONFIG, Cache, Model, WEIGHTS, fails, id, resolve, succeeds, told};
use super::server::{Reply, Server};

/// Nothing listens there.
const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn missing_files_are_downloaded_once_into_the_shared_layout() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let server = Server::honest(&model);
    let news = succeeds(&cache, &cache.hub(&server.url), &model);
    let ends: Vec<_> = news.iter().filter_map(|n| if let News::Piece(p) = n { Some(p) } else { None }).collect();
    let last = ends.iter().rfind(|piece| piece.file == WEIGHTS).unwrap();
    assert_eq!((last.done, last.total), (model.get(WEIGHTS).unwrap().len() as u64, last.done));
    assert_eq!((server.count("README.md"), server.count(".bin")), (0, 0));

    assert_eq!(std::fs::read_to_string(cache.repo().join("refs/main")).unwrap(), COMMIT);
    for name in [WEIGHTS, "model_index.json"] {
        let etag = model.etag(name);
        let path = cache.snapshot().join(name);
        assert!(cache.blob(&etag).is_file());
        assert!(cache.path().join(format!(".locks/models--some-owner--tiny/{etag}.lock")).exists());
        #[cfg(unix)]
        {
            let up = if name.contains('/') { "../../.." } else { "../.." };
            assert_eq!(std::fs::read_link(&path).unwrap().to_str().unwrap(), format!("{up}/blobs/{etag}"));
        }
        assert!(path.is_file());
    }
    let before = server.log().len();
    succeeds(&cache, &cache.hub(&server.url), &model);
    assert_eq!(server.log().len(), before);
    // A complete model needs no network, and not even settings that could be used.
    for offline in [true, false] {
        let mut hub = cache.hub(NOBODY);
        hub.offline = offline;
        assert!(succeeds(&cache, &hub, &model).is_empty());
        hub.endpoint = "no url".to_owned();
        succeeds(&cache, &hub, &model);
        let by_commit = id().at(COMMIT).unwrap();
        let watch = runner::hub::Watch { news: &|_| (), stop: &|| false };
        assert_eq!(hub.resolve(&by_commit, Wanted::files(&FOLDERS), watch).unwrap(), cache.snapshot());
    }
}

#[test]
fn an_endpoint_may_have_a_path() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let server = Server::honest(&model);
    succeeds(&cache, &cache.hub(&format!("{}/some/prefix/", server.url)), &model);
    assert!(server.log().iter().any(|r| r.path == "/some/prefix/api/models/some-owner/tiny/revision/main"));
    assert!(server.log().iter().any(|r| r.path.starts_with("/some/prefix/some-owner/tiny/resolve/")));
}

#[test]
fn without_network_the_error_says_what_to_do() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let server = Server::honest(&model);
    succeeds(&cache, &cache.hub(&server.url), &model);
    std::fs::remove_file(cache.snapshot().join(WEIGHTS)).unwrap();
    let mut hub = cache.hub(NOBODY);
    hub.offline = true;
    let error = fails(&cache, &hub, &model);
    assert!(matches!(error, HubError::Offline { .. }));
    let text = error.to_string();
    assert!(text.contains(WEIGHTS) && text.contains("--offline"), "{text}");

    let start = Instant::now();
    hub.offline = false;
    let error = fails(&cache, &hub, &model);
    assert!(matches!(error, HubError::Network { .. }), "{error}");
    assert!(error.to_string().contains("http://127.0.0.1:9 cannot be reached"), "{error}");
    hub.endpoint = "https://no-such-host.invalid".to_owned();
    let error = fails(&cache, &hub, &model);
    assert!(matches!(error, HubError::Network { .. }), "{error}");
    assert!(error.to_string().contains("https://no-such-host.invalid"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(15));
}

#[test]
fn what_the_hub_lacks_or_refuses_is_explained() {
    let cache = Cache::new();
    let mut model = Model::tiny();
    model.0.remove(WEIGHTS);
    // The same weights as a pickle are there.
    let server = Server::honest(&model);
    let error = fails(&cache, &cache.hub(&server.url), &model);
    assert!(matches!(error, HubError::OnlyPickles { .. }), "{error}");
    for words in ["unet/diffusion_pytorch_model.bin", "owner/name@revision", "refs/pr/1", "save_pretrained"] {
        assert!(error.to_string().contains(words), "{error}");
    }
    assert_eq!(server.log().len(), 2, "beside the list only model_index.json is asked for");
    model.0.remove("unet/diffusion_pytorch_model.bin");
    let server = Server::honest(&model);
    let error = fails(&cache, &cache.hub(&server.url), &model);
    assert!(matches!(error, HubError::Unusable { .. }) && error.to_string().contains(WEIGHTS), "{error}");
    for (status, code, words) in [
        (401, "RepoNotFound", "HF_TOKEN"),
        (403, "GatedRepo", "licence"),
        (403, "", "answers 403"),
        (404, "RevisionNotFound", "no such revision"),
        (404, "hf_secret", "answers 404"),
        (451, "", "answers 451"),
    ] {
        let model = Model::tiny();
        let odd = move |_: &_| Some(Reply::Plain(status, vec![("X-Error-Code".into(), code.into())], Vec::new()));
        let server = Server::new(&model, odd);
        let error = fails(&cache, &cache.hub(&server.url), &model);
        assert!(matches!(error, HubError::Refused { .. }), "{error}");
        assert!(error.to_string().contains(words) && error.to_string().contains(&server.url), "{error}");
        assert_eq!(server.log().len(), 1, "a no is a no");
    }
}

#[cfg(unix)]
#[test]
fn a_damaged_cache_is_noticed_and_mended() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let server = Server::honest(&model);
    let hub = cache.hub(&server.url);
    succeeds(&cache, &hub, &model);
    let whole = model.get(WEIGHTS).unwrap();
    let (weights, config) = (cache.blob(&model.etag(WEIGHTS)), cache.blob(&model.etag(CONFIG)));
    let damages: [(&str, &dyn Fn()); 6] = [
        (WEIGHTS, &|| std::fs::remove_file(&weights).unwrap()),
        (WEIGHTS, &|| std::fs::write(&weights, "").unwrap()),
        (WEIGHTS, &|| std::fs::write(&weights, &whole[..whole.len() - 1]).unwrap()),
        (WEIGHTS, &|| std::fs::write(&weights, "version https://git-lfs.github.com/spec/v1\n").unwrap()),
        (CONFIG, &|| std::fs::write(&config, "content of unet/config.jsoN").unwrap()),
        (CONFIG, &|| {
            std::fs::remove_file(cache.snapshot().join(CONFIG)).unwrap();
            std::fs::write(cache.snapshot().join(CONFIG), "").unwrap();
        }),
    ];
    for (name, damage) in damages {
        damage();
        let mut offline = hub.clone();
        offline.offline = true;
        let error = fails_loosely(&offline);
        assert!(error.contains(name), "{error}");
        let news = succeeds(&cache, &hub, &model);
        assert!(told(&news).contains(&format!("{name} in the Hub cache is damaged")), "{news:?}");
    }
}

/// As `fails`, for a cache that is damaged on purpose.
fn fails_loosely(hub: &runner::hub::Hub) -> String {
    resolve(hub).0.unwrap_err().to_string()
}

#[test]
fn a_content_that_is_there_is_checked_and_not_fetched_again() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let server = Server::honest(&model);
    let hub = cache.hub(&server.url);
    cache.put(&model.etag(CONFIG), model.get(CONFIG).unwrap());
    cache.put(&model.etag(WEIGHTS), &[0; 10]);
    let news = succeeds(&cache, &hub, &model);
    assert!(!news.iter().any(|n| matches!(n, News::Piece(piece) if piece.file == CONFIG)), "{news:?}");
    assert!(news.iter().any(|n| matches!(n, News::Piece(piece) if piece.file == WEIGHTS)));
    // The same length with other bytes is seen too.
    std::fs::remove_dir_all(cache.snapshot()).unwrap();
    let mut other = model.get(WEIGHTS).unwrap().to_vec();
    other[1000] ^= 1;
    cache.put(&model.etag(WEIGHTS), &other);
    succeeds(&cache, &hub, &model);
}

#[test]
fn shards_that_are_missing_are_fetched() {
    let cache = Cache::new();
    let mut model = Model::tiny();
    let content = model.0.remove(WEIGHTS).unwrap();
    let shard = "unet/diffusion_pytorch_model-00001-of-00001.safetensors";
    model.0.insert(shard.to_owned(), content);
    let list = br#"{"weight_map":{"w":"diffusion_pytorch_model-00001-of-00001.safetensors"}}"#;
    model.0.insert("unet/diffusion_pytorch_model.safetensors.index.json".to_owned(), list.to_vec());
    let server = Server::honest(&model);
    succeeds(&cache, &cache.hub(&server.url), &model);
    std::fs::remove_file(cache.snapshot().join(shard)).unwrap();
    let mut offline = cache.hub(&server.url);
    offline.offline = true;
    assert!(fails(&cache, &offline, &model).to_string().contains(shard));
    succeeds(&cache, &cache.hub(&server.url), &model);
}

#[cfg(unix)]
#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let (cache, model) = (Cache::new(), Model::tiny());
    let server = Server::honest(&model);
    std::fs::write(cache.path(), "a file").unwrap();
    let (result, _) = resolve(&cache.hub(&server.url));
    let error = result.unwrap_err();
    assert!(matches!(error, HubError::Cache { .. }), "{error}");
    assert!(error.to_string().contains(cache.path().to_str().unwrap()), "{error}");
}
