//! Models of the Hugging Face Hub: `owner/name` or `owner/name@revision` → a folder on disk.
//!
//! Uses the cache all Hugging Face programs share, and looks there first: a model that is complete needs no
//! network. Only what is needed is downloaded: configurations, the tokenizer and safetensors.
//!
//! The server is not trusted: every name it sends is checked before it becomes a path, every file has the size and
//! checksum the Hub tells before it gets its name, redirects are few and never carry the token to another place, and
//! nothing it does makes the client wait or read for ever ([`Limits`]).
//! `HF_HUB_CACHE`, `HF_HOME`, `HF_TOKEN`, `HF_ENDPOINT` and `HF_HUB_OFFLINE` mean what they mean elsewhere.

mod attempts;
mod cache;
mod digest;
mod env;
mod error;
mod fault;
mod fetch;
mod files;
mod http;
mod limits;
mod listing;
mod lock;
mod names;
mod news;
mod remote;
mod sound;
mod stream;
mod token;
mod url;
mod wanted;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use attempts::retry;
use cache::RepoCache;
use fault::{Fault, Kind};
use fetch::Fetcher;
use http::Client;
use listing::Listing;
use stream::Stream;
use url::Url;

pub use crate::choice::ModelId;
pub use error::HubError;
pub use limits::Limits;
pub use news::{Download, News, Watch};
pub use token::Token;
pub use wanted::Wanted;

/// The folder of a model of the Hub, downloaded if need be, with the settings of the environment.
///
/// # Errors
/// See [`HubError`]; each says what to do.
pub fn resolve(
    id: &str,
    revision: Option<&str>,
    wanted: Wanted<'_>,
    offline: bool,
    watch: Watch<'_>,
) -> Result<PathBuf, HubError> {
    let mut id: ModelId = id.parse()?;
    if let Some(revision) = revision {
        id = id.at(revision)?;
    }
    Hub::from_env(offline)?.resolve(&id, wanted, watch)
}

/// A cache folder and the server behind it.
#[derive(Clone, Debug)]
pub struct Hub {
    /// The folder with `models--owner--name` in it.
    pub cache: PathBuf,
    /// The server's URL.
    pub endpoint: String,
    /// Access token for private and gated models.
    pub token: Option<Token>,
    /// Never use the network.
    pub offline: bool,
    /// What is waited for and accepted at most.
    pub limits: Limits,
}

impl Hub {
    /// The public Hub with a cache folder, without a token.
    #[must_use]
    pub fn new(cache: PathBuf) -> Self {
        let endpoint = env::ENDPOINT.to_owned();
        Self { cache, endpoint, token: None, offline: false, limits: Limits::default() }
    }

    /// The settings of the environment; `offline` or a set `HF_HUB_OFFLINE` switches the network off.
    ///
    /// # Errors
    /// There is neither a cache folder nor a home folder.
    pub fn from_env(offline: bool) -> Result<Self, HubError> {
        let env::Settings { cache, endpoint, token, offline } = env::read(offline)?;
        Ok(Self { endpoint, token, offline, ..Self::new(cache) })
    }

    /// The model's folder, with the wanted files in it. `watch` hears of every piece that arrives.
    ///
    /// # Errors
    /// See [`HubError`].
    pub fn resolve(&self, id: &ModelId, wanted: Wanted<'_>, watch: Watch<'_>) -> Result<PathBuf, HubError> {
        let cached = self.cached_folder(id);
        if let Some(folder) = &cached {
            wanted.check(id, folder)?;
        }
        let missing = match &cached {
            Some(folder) => files::incomplete(wanted.kinds, folder),
            None => vec!["the whole model".to_owned()],
        };
        match cached {
            Some(folder) if missing.is_empty() => Ok(folder),
            _ if self.offline => Err(HubError::Offline { id: id.to_string(), cache: self.cache.clone(), missing }),
            _ => self.download(id, wanted, watch),
        }
    }

    /// The snapshot folder the cache has for the revision, complete or not.
    #[must_use]
    pub fn cached_folder(&self, id: &ModelId) -> Option<PathBuf> {
        let cache = RepoCache::new(&self.cache, id);
        let folder = cache.snapshot(&cache.commit(&id.revision)?);
        folder.is_dir().then_some(folder)
    }

    /// Whether the endpoint and the token can be used; nothing is sent.
    ///
    /// # Errors
    /// [`HubError::Setting`], without the value.
    pub fn check(&self) -> Result<(), HubError> {
        self.settings().map(|_| ())
    }

    /// The endpoint and the header with the token.
    fn settings(&self) -> Result<(Url, Option<String>), HubError> {
        let token = self.token.as_ref().map(Token::header).transpose();
        let token = token.map_err(|(name, reason)| HubError::Setting { name, reason: reason.to_owned() })?;
        Ok((env::endpoint(&self.endpoint)?, token))
    }

    fn client(&self, watch: Watch<'_>) -> Result<Arc<Client>, HubError> {
        let (endpoint, token) = self.settings()?;
        if token.is_some() && !endpoint.is_secure() && !endpoint.is_local() {
            let what = format!("the token travels to {} without encryption", endpoint.origin());
            (watch.news)(News::Warning(what));
        }
        Ok(Arc::new(Client::new(endpoint, token, &self.limits)))
    }

    fn download(&self, id: &ModelId, wanted: Wanted<'_>, watch: Watch<'_>) -> Result<PathBuf, HubError> {
        let client = self.client(watch)?;
        let failed = |fault: Fault| HubError::of(fault, &id.to_string(), &self.cache);
        let listing = retry(&self.limits, watch, || self.list(&client, id, watch)).map_err(failed)?;
        let (cache, repo) = (RepoCache::new(&self.cache, id), id.repo());
        let folder = cache.snapshot(&listing.commit);
        // All files are asked for by the commit's own hash: they are of one state, whatever is pushed meanwhile.
        let commit = &listing.commit;
        let fetcher = Fetcher { client: &client, cache: &cache, repo: &repo, commit, limits: &self.limits, watch };
        let fetch = |name: &str| self.fetch(&fetcher, id, &folder.join(name), name);
        let keep = || {
            let action = "write in";
            cache.set_commit(&id.revision, commit).map_err(|source| HubError::Cache {
                id: id.to_string(),
                action,
                path: self.cache.clone(),
                source,
            })
        };
        // A model that cannot be used is found out by its small files. They are kept, so that it is known without a
        // network, too.
        let usable = || wanted.check(id, &folder).inspect_err(|_| drop(keep()));
        if let Some(name) = files::index(wanted.kinds, &listing.names) {
            fetch(name)?;
            usable()?;
        }
        let lacking = files::missing(wanted.kinds, &|name| listing.names.iter().any(|n| n == name));
        if !lacking.is_empty() {
            let (id, files) = (id.to_string(), files::pickles(wanted.kinds, &listing.names));
            return Err(match files.is_empty() {
                true => HubError::Unusable { id, missing: lacking, checkpoints: files::checkpoints(&listing.names) },
                false => HubError::OnlyPickles { id, files },
            });
        }
        let (small, large) = files::wanted(wanted.kinds, &listing.names);
        small.into_iter().try_for_each(fetch)?;
        usable()?;
        large.into_iter().try_for_each(fetch)?;
        keep()?;
        // Not whether they are sound: what has the right checksum is what the repository has.
        match files::missing(wanted.kinds, &|name| folder.join(name).is_file()) {
            missing if missing.is_empty() => Ok(folder),
            missing => Err(HubError::Unusable { id: id.to_string(), missing, checkpoints: Vec::new() }),
        }
    }

    /// Fetches a file to its path, unless it is there and sound.
    fn fetch(&self, fetcher: &Fetcher<'_>, id: &ModelId, path: &Path, name: &str) -> Result<(), HubError> {
        let tell = fetcher.watch.news;
        match sound::fault(path) {
            None => return Ok(()),
            Some("missing") => {}
            Some(fault) => {
                tell(News::Warning(format!("{name} in the Hub cache is damaged ({fault}): fetching it again")));
            }
        }
        fetcher.file(name).map_err(|failure| {
            tell(News::Failed { file: name.to_owned() });
            failure.explained(&id.to_string(), name, &self.cache)
        })
    }

    /// Asks the server which files the model has. That nobody answers at all is told at once, without more attempts.
    fn list(&self, client: &Arc<Client>, id: &ModelId, watch: Watch<'_>) -> Result<Listing, Fault> {
        // In this place a slash would end the revision.
        let path = format!("/api/models/{}/revision/{}", id.repo(), id.revision.replace('/', "%2F"));
        let stream = Stream::open(client, &path, 0, &self.limits, watch.stop).map_err(|fault| match fault.kind {
            Kind::Network => Fault::new(Kind::Unreachable, fault.what),
            _ => fault,
        })?;
        Listing::read(stream, &id.revision, &self.limits, watch.stop)
    }
}
