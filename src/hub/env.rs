//! The settings of the environment, with the meaning they have for Python's `huggingface_hub`.

use std::path::{Path, PathBuf};

use super::error::HubError;
use super::token::Token;
use super::url::Url;

/// The Hub itself.
pub(super) const ENDPOINT: &str = "https://huggingface.co";

/// What the environment says.
pub(super) struct Settings {
    /// The folder with `models--owner--name` in it.
    pub(super) cache: PathBuf,
    /// The server's URL.
    pub(super) endpoint: String,
    /// Access token for private and gated models.
    pub(super) token: Option<Token>,
    /// Never use the network.
    pub(super) offline: bool,
}

/// Reads the environment; `offline` or a set `HF_HUB_OFFLINE` switches the network off. A token and an endpoint are
/// checked when they are used: a model that is complete in the cache needs neither.
pub(super) fn read(offline: bool) -> Result<Settings, HubError> {
    let home = path("HF_HOME").or_else(|| {
        let cache = path("XDG_CACHE_HOME").or_else(|| Some(std::env::home_dir()?.join(".cache")));
        cache.map(|cache| cache.join("huggingface"))
    });
    let cache = match (path("HF_HUB_CACHE"), &home) {
        (Some(cache), _) => cache,
        (None, Some(home)) => home.join("hub"),
        (None, None) => return Err(HubError::NoHome),
    };
    let stored = || Token::from_file(&path("HF_TOKEN_PATH").or_else(|| Some(home.as_ref()?.join("token")))?);
    let token = if is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN") { None } else { Token::from_env("HF_TOKEN").or_else(stored) };
    let endpoint = std::env::var_os("HF_ENDPOINT").map(|value| value.to_string_lossy().trim().to_owned());
    let endpoint = endpoint.filter(|value| !value.is_empty()).unwrap_or_else(|| ENDPOINT.to_owned());
    Ok(Settings { cache, endpoint, token, offline: offline || is_on("HF_HUB_OFFLINE") })
}

/// The URL requests begin with.
pub(super) fn endpoint(text: &str) -> Result<Url, HubError> {
    let wrong = |reason: &str| HubError::Setting {
        name: "HF_ENDPOINT".to_owned(),
        reason: format!("{reason}; expected a URL such as {ENDPOINT}, without name, password and query"),
    };
    let url = Url::parse(text).map_err(wrong)?;
    if url.has_query() || text.contains('#') { Err(wrong("it has a query or a fragment")) } else { Ok(url) }
}

/// A path; `~` at its beginning is the home folder, as in Python.
fn path(name: &str) -> Option<PathBuf> {
    let value = PathBuf::from(std::env::var_os(name).filter(|value| !value.is_empty())?);
    Some(expanded(&value, std::env::home_dir().as_deref()))
}

fn expanded(path: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

fn is_on(name: &str) -> bool {
    let value = std::env::var(name).unwrap_or_default();
    ["1", "true", "yes", "on"].contains(&value.trim().to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_a_plain_url() {
        assert_eq!(
            endpoint("https://hub.example/prefix/").unwrap().below("/x").whole(),
            "https://hub.example/prefix/x"
        );
        for text in ["hf-mirror.com", "https://user:secret@hub/", "https://hub/?token=secret", "https://hub/#x", "x y"]
        {
            let error = endpoint(text).unwrap_err().to_string();
            assert!(error.contains("HF_ENDPOINT") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_tilde_is_the_home_folder() {
        let home = Some(Path::new("/home/me"));
        assert_eq!(expanded(Path::new("~/hf"), home), Path::new("/home/me/hf"));
        assert_eq!(expanded(Path::new("/x/~"), home), Path::new("/x/~"));
        assert_eq!(expanded(Path::new("~other/hf"), home), Path::new("~other/hf"));
    }
}
