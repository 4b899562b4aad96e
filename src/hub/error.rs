//! Why a model of the Hub cannot be had, in words that say what to do.

use std::path::PathBuf;

use crate::choice::IdError;

use super::fault::{Fault, Kind};

/// Why a model of the Hub cannot be had. No text has a token or the query of a URL in it.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The text is not `owner/name` or `owner/name@revision`.
    #[error(transparent)]
    Id(#[from] IdError),
    /// Neither a cache folder is named in the environment nor a home folder.
    #[error("no home folder; set HF_HOME to the folder that holds or shall hold the Hub cache")]
    NoHome,
    /// A setting of the environment cannot be used.
    #[error("{name} cannot be used: {reason}")]
    Setting {
        /// The variable or file.
        name: String,
        /// What is wrong with its value, without the value.
        reason: String,
    },
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
    /// The Hub cannot be reached, or not for long enough.
    #[error(
        "{id} is not complete in the cache {}, and {reason}. Check the network and HF_ENDPOINT and try again: what has \
         arrived is kept. Or copy a diffusers folder here and name its path as the model",
        cache.display()
    )]
    Network {
        /// The model.
        id: String,
        /// The cache folder that was looked into.
        cache: PathBuf,
        /// Which server, and what happened.
        reason: String,
    },
    /// The Hub refuses the model or does not have it.
    #[error(
        "{id} is not given out: {reason}. Check the spelling and the revision; for a private or gated model accept its \
         licence on its page and set HF_TOKEN"
    )]
    Refused {
        /// The model.
        id: String,
        /// Which server, and what it said.
        reason: String,
    },
    /// A server did what it must not do; nothing of what it sent is used.
    #[error("{id} was not downloaded: {reason}. Nothing of this is used; check HF_ENDPOINT, and proxies on the way")]
    Server {
        /// The model.
        id: String,
        /// Which server, and what it did.
        reason: String,
    },
    /// The repository has no diffusers model this program can read.
    #[error(
        "{id} lacks {}; a diffusers folder with safetensors files is needed{}",
        missing.join(", "), one_file(checkpoints)
    )]
    Unusable {
        /// The model.
        id: String,
        /// What it lacks.
        missing: Vec<String>,
        /// Safetensors files that lie in no folder, which may be checkpoints in one file.
        checkpoints: Vec<String>,
    },
    /// The repository has another kind of model than those that can be used.
    #[error("{id} cannot be used: {reason}")]
    Foreign {
        /// The model.
        id: String,
        /// Which of its files says what.
        reason: String,
    },
    /// The repository has weights, but as pickles.
    #[error(
        "{id} has these weights only as Python pickles, which can run any code and are never opened: {}. Name a \
         revision that has safetensors, as owner/name@revision (the Hub's own conversion is often a pull request, \
         refs/pr/1 and so on, under \"Community\" on its page); or load it with transformers or diffusers, save \
         it with save_pretrained(folder, safe_serialization=True), and name that folder",
        files.join(", ")
    )]
    OnlyPickles {
        /// The model.
        id: String,
        /// The pickles.
        files: Vec<String>,
    },
    /// The cache cannot be read or written.
    #[error("{id}: cannot {action} {}: {source}. The cache is chosen with HF_HUB_CACHE or HF_HOME", path.display())]
    Cache {
        /// The model.
        id: String,
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no room for a file.
    #[error(
        "{id}: {file} needs {needed} more bytes and {} has {free} free; make room or choose another HF_HUB_CACHE",
        path.display()
    )]
    Full {
        /// The model.
        id: String,
        /// Path in the repository.
        file: String,
        /// Bytes to come.
        needed: u64,
        /// Bytes free.
        free: u64,
        /// A folder of the disk that is too full.
        path: PathBuf,
    },
    /// The user stopped the download.
    #[error("stopped while {id} was downloaded; what has arrived is kept, and the next run goes on from there")]
    Stopped {
        /// The model.
        id: String,
    },
}

/// What to do with a repository that has checkpoints in one file, as the rest of a sentence.
fn one_file(checkpoints: &[String]) -> String {
    match checkpoints {
        [] => String::new(),
        files => format!(
            ". It has {}: if that is a checkpoint in one file, download it and name its path as the model",
            files.join(", ")
        ),
    }
}

impl HubError {
    /// The error for a request that finally failed.
    pub(super) fn of(fault: Fault, id: &str, cache: &std::path::Path) -> Self {
        let (id, reason) = (id.to_owned(), fault.what);
        match fault.kind {
            Kind::Network | Kind::Unreachable | Kind::Busy(_) => Self::Network { id, cache: cache.to_owned(), reason },
            Kind::Refused => Self::Refused { id, reason },
            Kind::Broken | Kind::Hostile => Self::Server { id, reason },
            Kind::Stopped => Self::Stopped { id },
        }
    }
}
