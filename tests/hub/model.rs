//! A model small enough to be made here, and what a test asks of a download.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use runner::hub::{Hub, HubError, Limits, ModelId, News, Token, Wanted, Watch};
use runner::models::families::FOLDERS;

pub(crate) const REPO: &str = "some-owner/tiny";
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// The file most tests spoil: large enough for several reads.
pub(crate) const WEIGHTS: &str = "unet/diffusion_pytorch_model.safetensors";
/// A small file, which the Hub sends itself.
pub(crate) const CONFIG: &str = "unet/config.json";
/// Nobody but the Hub may see it.
pub(crate) const SECRET: &str = "hf_secret";

/// Names and contents.
#[derive(Clone)]
pub(crate) struct Model(pub(crate) BTreeMap<String, Vec<u8>>);

impl Model {
    pub(crate) fn tiny() -> Self {
        let texts = ["model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json", CONFIG];
        let more = ["vae/config.json", "tokenizer/merges.txt", "tokenizer/vocab.json", "README.md"];
        let mut files: BTreeMap<String, Vec<u8>> =
            texts.iter().chain(&more).map(|name| ((*name).to_owned(), format!("content of {name}").into())).collect();
        files.insert(WEIGHTS.to_owned(), weights(200_000));
        files.insert("vae/diffusion_pytorch_model.safetensors".to_owned(), weights(64));
        files.insert("text_encoder/model.safetensors".to_owned(), weights(32));
        files.insert("unet/diffusion_pytorch_model.bin".to_owned(), b"pickle".to_vec());
        Self(files)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice)
    }

    /// As the Hub: SHA-256 for weights, Git's hash for the rest.
    pub(crate) fn etag(&self, name: &str) -> String {
        let content = &self.0[name];
        let hash = if name.ends_with(".safetensors") {
            digest(&SHA256, content)
        } else {
            digest(&SHA1_FOR_LEGACY_USE_ONLY, &[format!("blob {}\0", content.len()).as_bytes(), content].concat())
        };
        hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A safetensors file with one tensor of so many bytes.
fn weights(bytes: usize) -> Vec<u8> {
    let header = format!(r#"{{"w":{{"dtype":"U8","shape":[{bytes}],"data_offsets":[0,{bytes}]}}}}"#);
    let data = (0..bytes).map(|i| (i * 7 + i / 251) as u8);
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat().into_iter().chain(data).collect()
}

/// The usual bounds with short pauses and a small idea of large.
pub(crate) fn limits() -> Limits {
    Limits {
        tries: 3,
        bad_copies: 2,
        pause: Duration::from_millis(1),
        poll: Duration::from_millis(5),
        listing_bytes: 64 << 10,
        listed_files: 100,
        text_bytes: 256 << 10,
        weight_bytes: 1 << 20,
        ..Limits::default()
    }
}

/// A cache folder in an empty folder, so that a test sees what is written beside it.
pub(crate) struct Cache(tempfile::TempDir);

impl Cache {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("hub")
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.path().join("models--some-owner--tiny")
    }

    pub(crate) fn blob(&self, etag: &str) -> PathBuf {
        self.repo().join("blobs").join(etag)
    }

    pub(crate) fn snapshot(&self) -> PathBuf {
        self.repo().join("snapshots").join(COMMIT)
    }

    pub(crate) fn hub(&self, endpoint: &str) -> Hub {
        let token = Some(Token::new(SECRET, "HF_TOKEN"));
        Hub { endpoint: endpoint.to_owned(), token, limits: limits(), ..Hub::new(self.path()) }
    }

    /// Names of the contents that have their final name, and of those that grow.
    pub(crate) fn blobs(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.repo().join("blobs")) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    pub(crate) fn put(&self, blob: &str, content: &[u8]) {
        std::fs::create_dir_all(self.repo().join("blobs")).unwrap();
        std::fs::write(self.blob(blob), content).unwrap();
    }

    /// Nothing was written but the cache, and in it only the model's own folder and locks.
    pub(crate) fn assert_alone(&self) {
        let names = |folder: &Path| -> Vec<String> {
            let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        assert!(names(self.0.path()).iter().all(|name| name == "hub"), "{:?}", names(self.0.path()));
        let own = [".locks", "models--some-owner--tiny"];
        assert!(names(&self.path()).iter().all(|name| own.contains(&name.as_str())), "{:?}", names(&self.path()));
    }
}

pub(crate) fn id() -> ModelId {
    REPO.parse().unwrap()
}

/// The result of a download, and what was told meanwhile.
pub(crate) fn resolve(hub: &Hub) -> (Result<PathBuf, HubError>, Vec<News>) {
    let told = RefCell::new(Vec::new());
    let news = |news| told.borrow_mut().push(news);
    let result = hub.resolve(&id(), Wanted::files(&FOLDERS), Watch { news: &news, stop: &|| false });
    (result, told.into_inner())
}

/// The download succeeds and every file is what it should be.
pub(crate) fn succeeds(cache: &Cache, hub: &Hub, model: &Model) -> Vec<News> {
    let (result, news) = resolve(hub);
    let folder = result.unwrap_or_else(|e| panic!("{e}\n{news:?}"));
    for (name, content) in &model.0 {
        if name != "README.md" && !name.ends_with(".bin") {
            assert!(std::fs::read(folder.join(name)).unwrap() == *content, "{name}");
        }
    }
    assert!(cache.blobs().iter().all(|name| !name.contains("incomplete")), "{:?}", cache.blobs());
    cache.assert_alone();
    news
}

/// The download fails; the text names the server and no secret, and nothing wrong has its final name.
pub(crate) fn fails(cache: &Cache, hub: &Hub, model: &Model) -> HubError {
    let (result, news) = resolve(hub);
    let error = result.unwrap_err();
    for text in [error.to_string(), format!("{error:?}"), format!("{news:?}")] {
        for secret in [SECRET, "hf_signed", "Signature", "secret words"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    for blob in cache.blobs().iter().filter(|name| !name.ends_with(".incomplete")) {
        let content = std::fs::read(cache.blob(blob)).unwrap();
        assert!(model.names().any(|name| model.etag(name) == *blob && model.get(name) == Some(&content)), "{blob}");
    }
    cache.assert_alone();
    error
}

/// Notes and warnings, in one text.
pub(crate) fn told(news: &[News]) -> String {
    let lines = news.iter().filter_map(|news| match news {
        News::Note(text) | News::Warning(text) => Some(text.as_str()),
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}
