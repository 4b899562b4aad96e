//! Looks at one file: a photo, a caption, or something else.

use std::path::Path;

use super::error::PhotoError;
use super::format::{self, Format};
use super::photo::Photo;
use super::{caption, file, guard, header, own};

/// Bytes that are read before a file is taken for a photo.
const FIRST_LOOK: u64 = 4096;

/// What a file is.
pub(super) enum Look {
    /// A photo; `own` if this program made it.
    Photo { photo: Photo, own: bool },
    /// A text file: a caption if there is a photo of the same name.
    Text,
    /// Not a photo, and why.
    Other(String),
}

/// Looks at the content of a file. Reads the header, not the pixels.
///
/// # Errors
/// A file that cannot be read, and a photo that is damaged or too large.
pub(super) fn look(path: &Path, name: String) -> Result<Look, PhotoError> {
    let meta = path.metadata().map_err(|e| PhotoError::io(path, e))?;
    if !meta.is_file() {
        return Ok(Look::Other("not a regular file".into()));
    }
    let start = file::read_start(path, FIRST_LOOK)?;
    if let Err(reason) = format::recognise(&start) {
        return Ok(if caption::has_caption_name(path) { Look::Text } else { Look::Other(reason) });
    }
    let bytes = file::read_photo(path)?;
    // Once more on the whole file: the directory of a TIFF may stand at its end.
    let format = match format::recognise(&bytes) {
        Ok(format) => format,
        Err(reason) => return Ok(Look::Other(reason)),
    };
    let look = || header::read(path, &bytes, format).map(|header| (header, header::is_animated(&bytes, format)));
    let (header, animated) = guard::catch(look)
        .unwrap_or_else(|what| Err(PhotoError::undecodable(path, format!("not a readable {format} file ({what})"))))?;
    if animated {
        return Ok(Look::Other(format!("an animated {format}: save the frame you want as JPEG or PNG")));
    }
    let photo = Photo {
        path: path.to_owned(),
        name,
        hash: blake3::hash(&bytes).to_hex().to_string(),
        format,
        width: header.width,
        height: header.height,
        reading: header.reading,
        caption: None,
        caption_file: None,
    };
    Ok(Look::Photo { photo, own: format == Format::Png && own::is_own_png(&bytes) })
}
