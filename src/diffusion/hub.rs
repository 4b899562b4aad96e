//! Models of the Hugging Face Hub: `owner/name` or `owner/name@revision` → a folder on disk.
//!
//! Uses the cache all Hugging Face programs share, and looks there first: a model that is complete needs no
//! network. Only what is needed is downloaded: configurations, the tokenizer and safetensors.
//! `HF_HUB_CACHE`, `HF_HOME`, `HF_TOKEN`, `HF_ENDPOINT` and `HF_HUB_OFFLINE` mean what they mean elsewhere.

mod files;
mod id;

use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};

pub use id::ModelId;

/// Longest wait for a connection before the network counts as absent.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a model of the Hub cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The text is not `owner/name` or `owner/name@revision`.
    #[error("\"{id}\" is not a Hub id: {reason}; expected owner/name or owner/name@revision")]
    Id {
        /// The text given.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Neither a cache folder is named in the environment nor a home folder.
    #[error("no home folder; set HF_HOME to the folder that holds or shall hold the Hub cache")]
    NoHome,
    /// The cache lacks files and the network may not be used.
    #[error(
        "{id} is not complete in the cache {} and the network is switched off; missing: {}. \
         Run once without --offline and HF_HUB_OFFLINE, or copy a diffusers folder here and name its path as the model",
        cache.display(), missing.join(", ")
    )]
    Offline {
        /// The model.
        id: String,
        /// The cache folder that was looked into.
        cache: PathBuf,
        /// What is missing there.
        missing: Vec<String>,
    },
    /// The Hub cannot be reached.
    #[error(
        "{id} is not complete in the cache {} and {endpoint} cannot be reached ({reason}). \
         Check the network or HF_ENDPOINT, or copy a diffusers folder here and name its path as the model",
        cache.display()
    )]
    Network {
        /// The model.
        id: String,
        /// The cache folder that was looked into.
        cache: PathBuf,
        /// The server.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// The Hub refuses the model or does not have it.
    #[error(
        "{endpoint} does not give out {id} ({reason}). Check the spelling and the revision; for a private or gated \
         model accept its licence on its page and set HF_TOKEN"
    )]
    Refused {
        /// The model.
        id: String,
        /// The server.
        endpoint: String,
        /// What it said.
        reason: String,
    },
    /// The repository has no diffusers model this program can read.
    #[error("{id} lacks {}; a diffusers folder with safetensors files is needed", missing.join(", "))]
    Unusable {
        /// The model.
        id: String,
        /// What it lacks.
        missing: Vec<String>,
    },
    /// The cache cannot be written.
    #[error("{id}: {reason}")]
    Download {
        /// The model.
        id: String,
        /// What happened.
        reason: String,
    },
}

/// A file on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Path in the repository.
    pub file: String,
    /// Bytes on disk.
    pub done: u64,
    /// Bytes of the whole file.
    pub total: u64,
}

/// The folder of a model of the Hub, downloaded if need be, with the settings of the environment.
///
/// # Errors
/// See [`HubError`]; each says what to do.
pub fn resolve(id: &str, revision: Option<&str>, offline: bool) -> Result<PathBuf, HubError> {
    let mut id: ModelId = id.parse()?;
    if let Some(revision) = revision {
        id = format!("{}/{}@{revision}", id.owner, id.name).parse()?;
    }
    Hub::from_env(offline)?.resolve(&id, &mut |_| ())
}

/// A cache folder and the server behind it.
#[derive(Clone, Debug)]
pub struct Hub {
    /// The folder with `models--owner--name` in it.
    pub cache: PathBuf,
    /// The server, without a slash at the end.
    pub endpoint: String,
    /// Access token for private and gated models.
    pub token: Option<String>,
    /// Never use the network.
    pub offline: bool,
}

impl Hub {
    /// The settings of the environment; `offline` or a set `HF_HUB_OFFLINE` switches the network off.
    pub fn from_env(offline: bool) -> Result<Self, HubError> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = var("HF_HOME").map(PathBuf::from).or_else(|| {
            let cache = var("XDG_CACHE_HOME").map(PathBuf::from);
            let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
            cache.map(|cache| cache.join("huggingface"))
        });
        let cache = match (var("HF_HUB_CACHE"), &home) {
            (Some(cache), _) => PathBuf::from(cache),
            (None, Some(home)) => home.join("hub"),
            (None, None) => return Err(HubError::NoHome),
        };
        let stored_token = || std::fs::read_to_string(home.as_ref()?.join("token")).ok();
        let token = var("HF_TOKEN").or_else(stored_token).map(|token| token.trim().to_owned());
        let switched_off = var("HF_HUB_OFFLINE")
            .is_some_and(|value| ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str()));
        let endpoint = var("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        Ok(Self {
            cache,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: token.filter(|token| !token.is_empty()),
            offline: offline || switched_off,
        })
    }

    /// The model's folder. `progress` hears of every piece that arrives.
    ///
    /// # Errors
    /// See [`HubError`].
    pub fn resolve(&self, id: &ModelId, progress: &mut dyn FnMut(&Download)) -> Result<PathBuf, HubError> {
        let cached = self.cached_folder(id);
        let missing = match &cached {
            Some(folder) => files::missing(&|name| folder.join(name).is_file()),
            None => vec!["the whole model".to_owned()],
        };
        match cached {
            Some(folder) if missing.is_empty() => Ok(folder),
            _ if self.offline => Err(HubError::Offline { id: id.to_string(), cache: self.cache.clone(), missing }),
            _ => self.download(id, progress),
        }
    }

    /// The snapshot folder the cache has for the revision, complete or not.
    #[must_use]
    pub fn cached_folder(&self, id: &ModelId) -> Option<PathBuf> {
        let repo = self.cache.join(format!("models--{}--{}", id.owner, id.name));
        let commit = match std::fs::read_to_string(repo.join("refs").join(&id.revision)) {
            Ok(commit) => commit.trim().to_owned(),
            Err(_) => id.revision.clone(),
        };
        let is_commit = commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit());
        Some(repo.join("snapshots").join(commit)).filter(|folder| is_commit && folder.is_dir())
    }

    fn download(&self, id: &ModelId, progress: &mut dyn FnMut(&Download)) -> Result<PathBuf, HubError> {
        let network = |reason: String| HubError::Network {
            id: id.to_string(),
            cache: self.cache.clone(),
            endpoint: self.endpoint.clone(),
            reason,
        };
        reachable(&self.endpoint).map_err(network)?;
        let failed = |error: ApiError| {
            let reason = error.to_string();
            if ["401", "403", "404"].iter().any(|status| reason.contains(&format!("status: {status}"))) {
                HubError::Refused { id: id.to_string(), endpoint: self.endpoint.clone(), reason }
            } else {
                match error {
                    ApiError::RequestError(_) | ApiError::TooManyRetries(_) => network(reason),
                    _ => HubError::Download { id: id.to_string(), reason },
                }
            }
        };
        let cache = Cache::new(self.cache.clone());
        let api = ApiBuilder::from_cache(cache.clone())
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone())
            .with_progress(false)
            .with_retries(3)
            .build()
            .map_err(failed)?;
        let repo = |revision: &str| Repo::with_revision(id.repo(), RepoType::Model, revision.to_owned());
        let info = api.repo(repo(&id.revision)).info().map_err(failed)?;
        // The commit's own hash as the revision: all files are of one state, whatever is pushed meanwhile.
        let commit: ModelId = format!("{}@{}", id.repo(), info.sha).parse()?;
        let pinned = api.repo(repo(&commit.revision));
        let names: Vec<String> = info.siblings.into_iter().map(|file| file.rfilename).collect();
        let wanted = files::wanted(&names);
        let lacking = files::missing(&|name| names.iter().any(|n| n == name));
        if !lacking.is_empty() {
            return Err(HubError::Unusable { id: id.to_string(), missing: lacking });
        }
        for name in wanted {
            self.fetch(&pinned, &cache.repo(repo(&commit.revision)), name, progress).map_err(failed)?;
        }
        cache.repo(repo(&id.revision)).create_ref(&info.sha).map_err(|e| failed(ApiError::IoError(e)))?;
        let unusable = |missing| HubError::Unusable { id: id.to_string(), missing };
        let folder = self.cached_folder(&commit).ok_or_else(|| unusable(vec![commit.revision.clone()]))?;
        match files::missing(&|name| folder.join(name).is_file()) {
            missing if missing.is_empty() => Ok(folder),
            missing => Err(unusable(missing)),
        }
    }

    fn fetch(
        &self,
        repo: &ApiRepo,
        cache: &hf_hub::CacheRepo,
        name: &str,
        progress: &mut dyn FnMut(&Download),
    ) -> Result<(), ApiError> {
        if cache.get(name).is_some() {
            return Ok(());
        }
        let state = Download { file: name.to_owned(), done: 0, total: 0 };
        repo.download_with_progress(name, Reporter { state, progress }).map(|_| ())
    }
}

/// Passes hf-hub's progress on.
struct Reporter<'a> {
    state: Download,
    progress: &'a mut dyn FnMut(&Download),
}

impl hf_hub::api::Progress for Reporter<'_> {
    fn init(&mut self, size: usize, _: &str) {
        self.state.done = 0;
        self.state.total = size as u64;
        (self.progress)(&self.state);
    }

    fn update(&mut self, size: usize) {
        self.state.done += size as u64;
        (self.progress)(&self.state);
    }

    fn finish(&mut self) {}
}

/// Whether a server answers at all, within [`CONNECT_TIMEOUT`]: the HTTP client would wait for minutes.
/// Behind a proxy this cannot be known, and is not asked.
fn reachable(endpoint: &str) -> Result<(), String> {
    let proxied = ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"]
        .iter()
        .any(|name| [name.to_string(), name.to_ascii_lowercase()].iter().any(|n| std::env::var_os(n).is_some()));
    if proxied {
        return Ok(());
    }
    let (scheme, rest) = endpoint.split_once("://").ok_or("it is not a URL")?;
    let host = rest.split('/').next().unwrap_or(rest);
    let port = if scheme == "http" { 80 } else { 443 };
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:{port}") };
    let (sender, receiver) = mpsc::channel();
    // The resolver has no time limit of its own; a thread that is still waiting then is left behind.
    std::thread::spawn(move || {
        let connected = address.to_socket_addrs().map_err(|e| e.to_string()).and_then(|addresses| {
            let mut last = "no address".to_owned();
            for address in addresses {
                match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                    Ok(_) => return Ok(()),
                    Err(e) => last = e.to_string(),
                }
            }
            Err(last)
        });
        // Nobody listens any more after the time limit.
        sender.send(connected).ok();
    });
    receiver.recv_timeout(CONNECT_TIMEOUT).unwrap_or_else(|_| Err("no answer within 10 seconds".to_owned()))
}

/// True if a setting names a model of the Hub rather than a file: `owner/name` where no such path exists.
#[must_use]
pub fn looks_like_id(text: &str, base: &Path) -> bool {
    text.parse::<ModelId>().is_ok() && !base.join(text).exists()
}
