//! Where a model lies: in a folder or file of this machine, or on the Hub.

use std::path::PathBuf;

use anyhow::Result;

use super::stop::StopFlag;
use crate::event::{Event, Observer};
use crate::experiment::settings::Base;
use crate::hub;

/// What a lookup may do, and who hears of it.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    /// Never use the network.
    pub offline: bool,
    /// Who is told of a download.
    pub observer: &'a dyn Observer,
    /// Ends a download.
    pub stop: &'a StopFlag,
}

/// The folder or file of a model; what is missing of it is downloaded if it is one of the Hub.
pub(super) fn locate(model: &Base, wanted: hub::Wanted<'_>, access: Access<'_>) -> Result<PathBuf> {
    let news = |news| access.observer.observe(&event(news));
    let watch = hub::Watch { news: &news, stop: &|| access.stop.is_set() };
    Ok(match model {
        Base::Folder(path) | Base::File(path) => path.clone(),
        Base::Hub { id, revision } => hub::resolve(id, revision.as_deref(), wanted, access.offline, watch)?,
    })
}

/// What a download tells, as an event.
fn event(news: hub::News) -> Event {
    match news {
        hub::News::Piece(hub::Download { file, done, total, resumed, bytes_per_second }) => {
            Event::Download { file, done, total, resumed, bytes_per_second }
        }
        hub::News::Failed { file } => Event::DownloadFailed { file },
        hub::News::Note(message) => Event::Note { message },
        hub::News::Warning(message) => Event::Warning { message },
    }
}

/// Hash of the files' hashes in the order given; names and places do not count.
pub(super) fn combined(hashes: &[blake3::Hash]) -> String {
    let mut whole = blake3::Hasher::new();
    for hash in hashes {
        whole.update(hash.as_bytes());
    }
    whole.finalize().to_hex().to_string()
}
