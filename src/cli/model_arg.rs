//! A model on the command line: which one, and parts of it from elsewhere.

use std::path::Path;

use clap::Args;

use super::exit::{Exit, Failure};
use super::session::Session;
use super::study::failure;
use crate::choice::ModelId;
use crate::event::Event;
use crate::experiment::settings::{Base, ModelSources};
use crate::hashing::HashCache;
use crate::study::StudyError;
use crate::worker::{Access, BaseModel};

/// Parts of a model that come from elsewhere.
#[derive(Debug, Default, Args)]
pub(super) struct PartArgs {
    /// A VAE instead of the model's own: a folder, a .safetensors file or a Hub id
    #[arg(long, value_name = "VAE")]
    pub(super) vae: Option<String>,
    /// A diffusers folder or Hub id whose text encoders are taken instead of the model's own
    #[arg(long, value_name = "MODEL")]
    pub(super) text_encoders: Option<String>,
}

impl PartArgs {
    /// Finds the model, and downloads what is missing of it unless `offline`.
    pub(super) fn find(&self, model: &str, offline: bool, session: &Session) -> Result<BaseModel, Failure> {
        let part = |option, text: &Option<String>| text.as_deref().map(|text| base(option, text)).transpose();
        let sources = ModelSources {
            base: base("--model", model)?,
            vae: part("--vae", &self.vae)?,
            text_encoders: part("--text-encoders", &self.text_encoders)?,
        };
        for (option, source) in [("--model", Some(&sources.base)), ("--vae", sources.vae.as_ref())] {
            if let Some(message) = source.and_then(|base| taken_as_id(option, base)) {
                session.tell(&Event::Warning { message });
            }
        }
        let Session { terminal, stop, output } = session;
        let access = Access { offline, observer: &**terminal, stop };
        let found = BaseModel::find(&sources, &mut HashCache::none(), access);
        found.map_err(|error| failure(StudyError::Model(error), output))
    }
}

/// A path that exists, or a Hub id.
fn base(option: &str, text: &str) -> Result<Base, Failure> {
    let path = Path::new(text);
    if path.is_dir() {
        return Ok(Base::Folder(path.to_path_buf()));
    }
    if path.is_file() {
        return Ok(Base::File(path.to_path_buf()));
    }
    let (id, revision) = text.split_once('@').map_or((text, None), |(id, revision)| (id, Some(revision.to_owned())));
    if text.parse::<ModelId>().is_ok() {
        return Ok(Base::Hub { id: id.to_owned(), revision });
    }
    let error =
        anyhow::anyhow!("{option} {text}: there is no such folder or file, and it is not a Hub id (owner/name)");
    Err(Failure::new(Exit::Experiment, error))
}

/// What to say of a Hub id that looks like a path to a folder that is not there: its first part is a folder here.
fn taken_as_id(option: &str, base: &Base) -> Option<String> {
    let Base::Hub { id, .. } = base else { return None };
    let (parent, name) = id.split_once('/').filter(|(parent, _)| Path::new(parent).is_dir())?;
    Some(format!("{option}: the folder {parent} has no {name}, so {id} is taken as a Hub id."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_a_path_or_an_id() {
        assert!(base("--model", "no/such/thing/here").is_err());
        assert!(matches!(base("--model", "src").ok(), Some(Base::Folder(_))));
        assert!(matches!(base("--vae", "Cargo.toml").ok(), Some(Base::File(_))));
        let here = taken_as_id("--model", &base("--model", "src/no-such-model").ok().unwrap()).unwrap();
        assert!(here.starts_with("--model: the folder src has no no-such-model, so"), "{here}");
        let hub = base("--vae", "a/b@main").ok();
        assert_eq!(taken_as_id("--vae", hub.as_ref().unwrap()), None);
        assert_eq!(hub, Some(Base::Hub { id: "a/b".into(), revision: Some("main".into()) }));
    }
}
