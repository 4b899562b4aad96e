//! One photo that was found.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::format::Format;

/// A file that was recognised as a photo. Its pixels are not read yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Photo {
    /// Where the file is.
    pub path: PathBuf,
    /// Path relative to the folder the user named, with `/` on every system; with several folders the folder's own
    /// name comes first. For people: [`Photo::hash`] is the identity.
    pub name: String,
    /// BLAKE3 of the file's bytes, 64 hexadecimal digits.
    pub hash: String,
    /// What the content is.
    pub format: Format,
    /// Pixels from left to right, after orientation.
    pub width: u32,
    /// Pixels from top to bottom, after orientation.
    pub height: u32,
    /// 1, or 2 if earlier versions of this program read other pixels from this file: it lay on its side, or it is a
    /// kind of JPEG that was decoded wrongly. A 2 is part of the keys, so that nothing made from those pixels is used.
    #[serde(default = "one")]
    pub reading: u32,
    /// The text of `photo.txt` beside `photo.jpg`, or of another of
    /// [`CAPTION_NAMES`](super::CAPTION_NAMES), with white space collapsed; `None` if there is no text.
    pub caption: Option<String>,
    /// The file the caption stands in.
    #[serde(default)]
    pub caption_file: Option<PathBuf>,
}

impl Photo {
    /// The caption for a study that trains on captions (`used`) or only shows them. A study that only shows them
    /// looks at `photo.txt` alone, as it always did, so that its keys stay the same.
    #[must_use]
    pub fn caption(&self, used: bool) -> Option<&String> {
        let plain = |file: &PathBuf| *file == self.path.with_extension("txt");
        self.caption.as_ref().filter(|_| used || self.caption_file.as_ref().is_none_or(plain))
    }
}

fn one() -> u32 {
    1
}

#[cfg(test)]
impl Photo {
    /// A photo without a file, for tests of what is done with photos.
    pub(super) fn made_up(name: String, hash: String) -> Self {
        Self {
            path: name.clone().into(),
            name,
            hash,
            format: Format::Jpeg,
            width: 1,
            height: 1,
            reading: 1,
            caption: None,
            caption_file: None,
        }
    }
}
