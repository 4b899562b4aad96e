//! Recognises pictures that this program made: reports, its store, images of `runner generate`. They are not photos.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::png_text;

/// The file in which a report lists its files.
pub const REPORT_LIST: &str = ".report-files";
/// Files of every report; a copy may have lost its hidden files.
const REPORT_FILES: [&str; 3] = ["index.html", "report.md", "cells.csv"];
/// Files of every stored result, and a word in the second one.
const RESULT_FILES: [&str; 2] = ["DONE", "manifest.json"];
const RESULT_WORD: &str = "\"store_version\"";
/// Folders of every store.
const STORE_FOLDERS: [&str; 2] = [".work", ".locks"];
/// Most bytes of a list or manifest.
const MOST_TEXT: u64 = 16 << 20;

/// What a folder is to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Other,
    /// A report that lists these files.
    Listed(BTreeSet<PathBuf>),
    /// A report without a list.
    Report,
    Store,
}

/// Tells folders and files of this program; remembers the folders it looked at.
#[derive(Debug, Default)]
pub(super) struct Own {
    kinds: BTreeMap<PathBuf, Kind>,
}

impl Own {
    /// Why a folder that the walk meets is not looked into.
    pub(super) fn folder(&mut self, path: &Path) -> Option<&'static str> {
        match self.kind(path) {
            Kind::Other => None,
            Kind::Listed(_) | Kind::Report => Some("a report of this program"),
            Kind::Store => Some("the store of this program"),
        }
    }

    /// Why the file or folder at the real path `path` belongs to a folder above it that this program made. A report
    /// owns only the files it lists: a user may have photos beside them.
    pub(super) fn part(&mut self, path: &Path) -> Option<&'static str> {
        path.ancestors().skip(1).find_map(|above| match self.kind(above) {
            Kind::Other => None,
            Kind::Store => Some("part of the store of this program"),
            Kind::Report => Some("part of a report of this program"),
            Kind::Listed(files) => {
                // Files of a folder stand together in the sorted list.
                let first = files.range(path.to_owned()..).next();
                first.is_some_and(|file| file.starts_with(path)).then_some("part of a report of this program")
            }
        })
    }

    fn kind(&mut self, folder: &Path) -> &Kind {
        self.kinds.entry(folder.to_owned()).or_insert_with_key(|folder| kind(folder))
    }
}

fn kind(folder: &Path) -> Kind {
    let has = |names: &[&str], is: fn(&Path) -> bool| names.iter().all(|name| is(&folder.join(name)));
    if let Some(list) = read_text(&folder.join(REPORT_LIST)) {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        return Kind::Listed(list.lines().filter(|name| !name.is_empty()).map(|name| folder.join(name)).collect());
    }
    let is_result = || read_text(&folder.join(RESULT_FILES[1])).is_some_and(|text| text.contains(RESULT_WORD));
    if has(&STORE_FOLDERS, Path::is_dir) || (has(&RESULT_FILES, Path::is_file) && is_result()) {
        return Kind::Store;
    }
    if has(&REPORT_FILES, Path::is_file) { Kind::Report } else { Kind::Other }
}

/// The text of a file, as far as it can be read; `None` if there is no such file.
fn read_text(path: &Path) -> Option<String> {
    if !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let _ = std::fs::File::open(path).and_then(|file| file.take(MOST_TEXT).read_to_end(&mut bytes));
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// True for a PNG file that says that this program made it: images of `runner generate`, charts of reports.
pub(super) fn is_own_png(bytes: &[u8]) -> bool {
    let software = |(kind, data)| png_text::text(kind, data, |keyword| keyword == b"Software");
    png_text::chunks(bytes).filter_map(software).any(|(_, text)| *text == *b"runner" || text.starts_with(b"runner "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("temporary folder");
        for name in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            std::fs::write(path, "images/a/p.png\nindex.html\n\"store_version\"\n").expect("write");
        }
        let path = folder.path().canonicalize().expect("path");
        (folder, path)
    }

    #[test]
    fn reports_and_stores_are_known() {
        let reason = |files: &[&str]| Own::default().folder(&folder(files).1.join("x")).map(str::to_owned);
        let reason_of = |files: &[&str]| {
            let (kept, path) = folder(files);
            let reason = Own::default().folder(&path);
            drop(kept);
            reason
        };
        assert_eq!(reason(&[".report-files"]), None);
        assert_eq!(reason_of(&[".report-files"]), Some("a report of this program"));
        assert_eq!(reason_of(&["index.html", "report.md", "cells.csv"]), Some("a report of this program"));
        assert_eq!(reason_of(&["index.html", "cells.csv"]), None);
        assert_eq!(reason_of(&["DONE", "manifest.json"]), Some("the store of this program"));
        assert_eq!(reason_of(&[".work/x", ".locks/x"]), Some("the store of this program"));
        assert_eq!(reason_of(&["a.jpg"]), None);
    }

    #[test]
    fn a_report_owns_what_it_lists() {
        let (_kept, path) = folder(&["r/.report-files", "s/DONE", "s/manifest.json"]);
        let part = |name: &str| Own::default().part(&path.join(name));
        for own in ["r/images/a/p.png", "r/images/a", "r/images", "r/index.html"] {
            assert_eq!(part(own), Some("part of a report of this program"), "{own}");
        }
        for other in ["r", "r/photo.jpg", "r/images/b.png", "r/images/a/p.png.jpg", "x/images/a"] {
            assert_eq!(part(other), None, "{other}");
        }
        assert_eq!(part("s/photos/a.png"), Some("part of the store of this program"));
        assert_eq!(part("s"), None);
    }

    #[test]
    fn own_images_say_so() {
        let png = |software: Option<&str>| {
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
            if let Some(text) = software {
                encoder.add_text_chunk("Software".into(), text.into()).expect("text");
            }
            let mut writer = encoder.write_header().expect("header");
            writer.write_image_data(&[0]).expect("pixels");
            writer.finish().expect("end");
            bytes
        };
        assert!(is_own_png(&png(Some("runner 0.1.0"))) && is_own_png(&png(Some("runner"))));
        assert!(!is_own_png(&png(Some("runnerup"))) && !is_own_png(&png(None)));
    }
}
