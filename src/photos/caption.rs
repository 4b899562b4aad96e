//! Captions beside photos: `photo.txt` beside `photo.jpg`, and what other programs call such files.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::error::PhotoError;
use super::file;
use super::limits::MAX_CAPTION_BYTES;

/// What caption files end in, whatever the case: kohya's sd-scripts write `.caption`, others `.txt` or `.cap`.
const ENDINGS: [&str; 3] = ["txt", "caption", "cap"];

/// The names of captions, for people.
pub const CAPTION_NAMES: &str = "photo.txt, photo.caption, photo.cap or photo.jpg.txt";

/// The caption of a photo.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Caption {
    /// White space (line breaks too) collapsed to single spaces; `None` if no file has text in it.
    pub(super) text: Option<String>,
    /// Where the text stands.
    pub(super) file: Option<PathBuf>,
    /// Other caption files of the photo, which are not used.
    pub(super) others: Vec<PathBuf>,
    /// Why the first file cannot be used; files after it are not looked at.
    pub(super) problem: Option<String>,
}

/// Finds captions; remembers which caption files a folder holds.
#[derive(Debug, Default)]
pub(super) struct Captions {
    folders: BTreeMap<PathBuf, Vec<PathBuf>>,
}

impl Captions {
    /// The caption of a photo: the first file with text among those that belong to it. `.txt` comes before `.caption`
    /// and `.caption` before `.cap`; `photo.txt` comes before `photo.TXT` and `photo.TXT` before `photo.jpg.txt`.
    pub(super) fn of(&mut self, photo: &Path) -> Caption {
        let mut caption = Caption::default();
        for file in self.files_of(photo) {
            if caption.text.is_some() || caption.problem.is_some() {
                caption.others.push(file);
                continue;
            }
            match read(&file) {
                Ok(None) => {}
                Ok(text) => (caption.text, caption.file) = (text, Some(file)),
                Err(problem) => caption.problem = Some(problem.to_string()),
            }
        }
        caption
    }

    fn files_of(&mut self, photo: &Path) -> Vec<PathBuf> {
        let folder = photo.parent().unwrap_or(Path::new("")).to_owned();
        let files = self.folders.entry(folder).or_insert_with_key(|folder| caption_files(folder));
        let mut found: Vec<_> = files.iter().filter_map(|file| Some((rank(file, photo)?, file.clone()))).collect();
        found.sort();
        found.into_iter().map(|(_, file)| file).collect()
    }
}

/// The rank of a file among the captions of a photo, smallest first; `None` if it is no caption of it.
fn rank(file: &Path, photo: &Path) -> Option<(usize, bool, bool)> {
    let ending = ending(file)?;
    let whole_name = file.file_stem() == photo.file_name();
    if file == photo || (!whole_name && file.file_stem() != photo.file_stem()) {
        return None;
    }
    Some((ending, whole_name, file.extension() != Some(OsStr::new(ENDINGS[ending]))))
}

/// Which of [`ENDINGS`] a file has.
fn ending(file: &Path) -> Option<usize> {
    let extension = file.extension()?;
    ENDINGS.iter().position(|ending| extension.eq_ignore_ascii_case(ending))
}

/// True if a file has the name of a caption.
pub(super) fn has_caption_name(file: &Path) -> bool {
    ending(file).is_some()
}

fn caption_files(folder: &Path) -> Vec<PathBuf> {
    // The parent of `a.jpg` is the empty path: the current folder.
    let place = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(place).into_iter().flatten().filter_map(Result::ok);
    let files = entries.map(|entry| folder.join(entry.file_name())).filter(|path| has_caption_name(path));
    // Anything but a regular file (a folder, a named pipe) is no caption.
    files.filter(|path| path.metadata().is_ok_and(|meta| meta.is_file())).collect()
}

fn read(path: &Path) -> Result<Option<String>, PhotoError> {
    let fail = |reason: &str| PhotoError::Caption { path: path.to_owned(), reason: reason.into() };
    // White space may surround the text: read some more than a caption may have.
    let limit = 16 * MAX_CAPTION_BYTES;
    let bytes = file::read_start(path, limit as u64 + 1)?;
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

    /// The caption of `a.jpg` in a folder with these files.
    fn caption(files: &[(&str, &[u8])]) -> Caption {
        let folder = tempfile::tempdir().expect("temporary folder");
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).expect("write");
        }
        Captions::default().of(&folder.path().join("a.jpg"))
    }

    fn text(bytes: &[u8]) -> Option<String> {
        caption(&[("a.txt", bytes)]).text
    }

    #[test]
    fn text_is_trimmed_and_collapsed() {
        assert_eq!(text(b"  a red\n  duck\r\n"), Some("a red duck".into()));
        assert_eq!(text("\u{feff}une poupée".as_bytes()), Some("une poupée".into()));
        assert_eq!(text(b" \n"), None);
    }

    #[test]
    fn the_usual_endings_are_read() {
        for name in ["a.txt", "a.TXT", "a.Txt", "a.caption", "a.CAP", "a.cap", "a.jpg.txt", "a.jpg.caption"] {
            assert_eq!(
                caption(&[(name, b"red"), ("b.txt", b"no"), ("a.md", b"no")]).text,
                Some("red".into()),
                "{name}"
            );
        }
        for name in ["a.text", "A.txt", "a.png.txt", "a.txt.bak", "txt", ".txt"] {
            assert_eq!(caption(&[(name, b"red")]), Caption::default(), "{name}");
        }
    }

    #[test]
    fn of_several_files_the_first_with_text_counts() {
        let order = ["a.txt", "a.TXT", "a.jpg.txt", "a.caption", "a.jpg.caption", "a.cap"];
        for first in 0..order.len() {
            let mut files: Vec<(&str, &[u8])> = order[first..].iter().map(|name| (*name, name.as_bytes())).collect();
            files.extend(order[..first].iter().map(|name| (*name, &b" "[..])));
            let found = caption(&files);
            assert_eq!(found.text.as_deref(), Some(order[first]));
            assert_eq!(found.others.len(), order.len() - first - 1);
            assert!(found.file.expect("file").ends_with(order[first]));
        }
    }

    #[test]
    fn bad_text_is_refused_by_name() {
        for (bytes, reason) in [
            (b"poup\xe9e".to_vec(), "not UTF-8"),
            (vec![b'x'; MAX_CAPTION_BYTES + 1], "too long"),
            (vec![b' '; 20 * MAX_CAPTION_BYTES], "too long"),
            (b"a\0b".to_vec(), "control characters"),
        ] {
            let message = caption(&[("a.txt", &bytes)]).problem.expect("refused");
            assert!(message.contains("a.txt") && message.contains(reason), "{message}");
        }
    }

    #[test]
    fn a_missing_file_or_a_folder_is_no_caption() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let of = |name: &str| Captions::default().of(&folder.path().join(name));
        assert_eq!(of("a.jpg"), Caption::default());
        std::fs::create_dir(folder.path().join("a.txt")).expect("folder");
        assert_eq!(of("a.jpg"), Caption::default());
        std::fs::write(folder.path().join("photo.txt"), b"\xff\xd8").expect("write");
        assert_eq!(of("photo.txt"), Caption::default());
    }
}
