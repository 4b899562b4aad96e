//! Sidecar captions: `photo.txt` beside `photo.jpg`.

use std::io::Read;
use std::path::Path;

use super::{MAX_CAPTION_BYTES, PhotoError};

/// The caption of a photo: the text of the file of the same name with `.txt`, white space (line breaks
/// too) collapsed to single spaces. `None` if there is no such file or no text in it.
pub(super) fn read(photo: &Path) -> Result<Option<String>, PhotoError> {
    let path = photo.with_extension("txt");
    // Anything but a regular file (a folder, a named pipe) is no caption, nor is a photo that is named `.txt` itself.
    if path == photo || !path.metadata().is_ok_and(|meta| meta.is_file()) {
        return Ok(None);
    }
    let fail = |reason: &str| PhotoError::Caption { path: path.clone(), reason: reason.into() };
    // White space may surround the text: read some more than a caption may have.
    let limit = 16 * MAX_CAPTION_BYTES;
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).map_err(|e| PhotoError::io(&path, e))?;
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(|e| PhotoError::io(&path, e))?;
    if bytes.len() > limit {
        return Err(fail("too long"));
    }
    let text = String::from_utf8(bytes).map_err(|_| fail("not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}').split_whitespace().collect::<Vec<_>>().join(" ");
    if text.len() > MAX_CAPTION_BYTES {
        return Err(fail("too long"));
    }
    if text.contains(char::is_control) {
        return Err(fail("control characters"));
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caption(bytes: &[u8]) -> Result<Option<String>, PhotoError> {
        let folder = tempfile::tempdir().expect("temporary folder");
        std::fs::write(folder.path().join("a.txt"), bytes).expect("write");
        read(&folder.path().join("a.jpg"))
    }

    #[test]
    fn text_is_trimmed_and_collapsed() {
        assert_eq!(caption(b"  a red\n  duck\r\n").expect("caption"), Some("a red duck".into()));
        assert_eq!(caption("\u{feff}une poupée".as_bytes()).expect("caption"), Some("une poupée".into()));
        assert_eq!(caption(b" \n").expect("empty"), None);
    }

    #[test]
    fn bad_text_is_refused_by_name() {
        for (bytes, reason) in [
            (b"poup\xe9e".to_vec(), "not UTF-8"),
            (vec![b'x'; MAX_CAPTION_BYTES + 1], "too long"),
            (vec![b' '; 20 * MAX_CAPTION_BYTES], "too long"),
            (b"a\0b".to_vec(), "control characters"),
        ] {
            let message = caption(&bytes).expect_err("refused").to_string();
            assert!(message.contains("a.txt") && message.contains(reason), "{message}");
        }
    }

    #[test]
    fn a_missing_file_or_a_folder_is_no_caption() {
        let folder = tempfile::tempdir().expect("temporary folder");
        assert_eq!(read(&folder.path().join("a.jpg")).expect("none"), None);
        std::fs::create_dir(folder.path().join("a.txt")).expect("folder");
        assert_eq!(read(&folder.path().join("a.jpg")).expect("none"), None);
        std::fs::write(folder.path().join("photo.txt"), b"\xff\xd8").expect("write");
        assert_eq!(read(&folder.path().join("photo.txt")).expect("none"), None);
    }
}
