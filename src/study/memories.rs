//! What commands remember in the store: hashes of model files, hashes of models of the Hub, which photos decode and
//! what they show. If it is lost, later commands find it out again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::choice::Sampler;
use crate::experiment::settings::{Base, ModelSources};
use crate::files::{plain_file, write_atomic};
use crate::hashing::HashCache;
use crate::photos::Memory;

/// The hashes of files outside of the store, so that a base model is read once and not for each plan.
const HASHES: &str = ".hashes.json";
/// The hashes of models of the Hub, so that a study can be planned where its model is not.
const MODELS: &str = ".models.json";
/// What the photos show.
const PHOTOS: &str = ".photos.txt";
/// Most bytes that are read of what is kept of photos or models.
const LARGEST: u64 = 64 << 20;

/// What a store remembers of files outside of it.
#[derive(Debug)]
pub struct Memories {
    store: PathBuf,
    pub(super) hashes: HashCache,
    pub(super) photos: Memory,
    models: BTreeMap<String, String>,
    models_changed: bool,
}

/// What is known of a base model that is not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownModel {
    pub(super) hash: String,
    /// What draws its images where nobody names a sampler.
    pub(super) sampler: Sampler,
}

impl Memories {
    /// What earlier commands found out; nothing where it cannot be read.
    #[must_use]
    pub fn open(store: &Path) -> Self {
        let bytes = |name| plain_file::read(&store.join(name), LARGEST).unwrap_or_default();
        let mut models: BTreeMap<String, String> = serde_json::from_slice(&bytes(MODELS)).unwrap_or_default();
        // The hash of an encoder is followed by the version of the code that reads it, that of a base model by its
        // usual sampler.
        let is_hash = |text: &str| blake3::Hash::from_hex(text.split(' ').next().unwrap_or_default()).is_ok();
        models.retain(|_, hash| is_hash(hash));
        Self {
            store: store.to_owned(),
            hashes: HashCache::open(&store.join(HASHES)),
            photos: Memory::parse(&String::from_utf8_lossy(&bytes(PHOTOS))),
            models,
            models_changed: false,
        }
    }

    /// The hash that a model of the Hub had when it was last seen.
    pub(super) fn model(&self, sources: &ModelSources) -> Option<String> {
        self.models.get(&name(sources)?).cloned()
    }

    /// Remembers the hash of a model of the Hub; other models are where the experiment file says or nowhere.
    pub(super) fn note_model(&mut self, sources: &ModelSources, hash: &str) {
        if let Some(name) = name(sources) {
            self.models_changed |= self.models.insert(name, hash.to_owned()).as_deref() != Some(hash);
        }
    }

    /// What a base model of the Hub was when it was last seen. Where its sampler was not noted, it was an earlier
    /// version of this program that saw the model: all of its images were drawn with `dpm++2m` unless another
    /// one was named.
    pub(super) fn base_model(&self, sources: &ModelSources) -> Option<KnownModel> {
        let noted = self.model(sources)?;
        let (hash, sampler) = noted.split_once(' ').unwrap_or((&noted, ""));
        Some(KnownModel { hash: hash.to_owned(), sampler: sampler.parse().unwrap_or(Sampler::DpmPp2m) })
    }

    /// Remembers a base model of the Hub.
    pub(super) fn note_base_model(&mut self, sources: &ModelSources, known: &KnownModel) {
        self.note_model(sources, &format!("{} {}", known.hash, known.sampler));
    }

    /// Keeps what is new if there is a store and it may be written.
    pub fn keep(&mut self) {
        if !self.store.is_dir() {
            return;
        }
        self.hashes.save();
        if let Some(text) = self.photos.to_text()
            && write_atomic(&self.store.join(PHOTOS), text.as_bytes()).is_ok()
        {
            self.photos.kept();
        }
        if self.models_changed
            && let Ok(text) = serde_json::to_vec_pretty(&self.models)
            && write_atomic(&self.store.join(MODELS), &text).is_ok()
        {
            self.models_changed = false;
        }
    }
}

/// `owner/name@revision` of a model of the Hub, with those of the parts that come from elsewhere.
fn name(sources: &ModelSources) -> Option<String> {
    let one = |base: &Base| match base {
        Base::Hub { id, revision } => Some(format!("{id}@{}", revision.as_deref().unwrap_or("main"))),
        Base::Folder(_) | Base::File(_) => None,
    };
    let ModelSources { base, vae, text_encoders } = sources;
    let mut name = one(base)?;
    for (what, part) in [("vae", vae), ("text_encoders", text_encoders)] {
        if let Some(part) = part {
            name = format!("{name} {what} {}", one(part)?);
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_store_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/photos/inputs/grey.png");
        let mut memories = Memories::open(&store);
        let mut scan = crate::photos::scan(&[photos], None).unwrap();
        crate::photos::examine(&mut scan, &mut memories.photos).unwrap();
        memories.keep();
        assert!(!store.exists());
        std::fs::create_dir(&store).unwrap();
        let text = memories.photos.to_text().unwrap();
        memories.keep();
        assert_eq!(std::fs::read_to_string(store.join(PHOTOS)).unwrap(), text);
        assert_eq!(memories.photos.to_text(), None);
        assert_eq!(Memories::open(&store).photos.to_text(), None);
    }

    #[test]
    fn the_hash_of_a_hub_model_is_remembered() {
        let store = tempfile::tempdir().unwrap();
        let base = |revision: Option<&str>| -> ModelSources {
            Base::Hub { id: "a/b".into(), revision: revision.map(str::to_owned) }.into()
        };
        let hash = blake3::hash(b"model").to_hex().to_string();
        let mut memories = Memories::open(store.path());
        memories.note_model(&base(None), &hash);
        memories.note_model(&base(Some("v2")), "no hash");
        let xl = KnownModel { hash: hash.clone(), sampler: Sampler::Euler };
        memories.note_base_model(&base(Some("xl")), &xl);
        memories.keep();
        let memories = Memories::open(store.path());
        assert_eq!(memories.model(&base(Some("main"))), Some(hash.clone()));
        assert_eq!(memories.base_model(&base(Some("xl"))).unwrap(), xl);
        let older = memories.base_model(&base(None)).unwrap();
        assert_eq!(older, KnownModel { hash: hash.clone(), sampler: Sampler::DpmPp2m });
        assert_eq!(memories.model(&base(Some("v2"))), None, "what is not a hash is forgotten");
    }
}
