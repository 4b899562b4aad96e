//! Finds the photos of a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::caption::{self, Captions};
use super::own::{self, Own};
use super::{Duplicate, Format, MAX_ENTRIES, MAX_FILE_BYTES, Photo, PhotoError, Scan, Skipped, format, guard, header};

/// Deepest folder below a named one that is still looked at; stops nests of links.
const MAX_DEPTH: usize = 64;

/// Finds the photos in `paths`, folders (walked recursively, links followed) or single files.
///
/// Files are recognised by content, never by name. What is not a photo is listed in [`Scan::skipped`], and so is what
/// this program made itself: reports, its store, images of `runner generate`. A photo that cannot be used (broken
/// header, beyond a limit) and a folder that cannot be read are errors, all told at once. A file named by itself must
/// be a photo, and counts whoever made it.
pub fn scan(paths: &[PathBuf]) -> Result<Scan, PhotoError> {
    let mut found = Found::default();
    let mut entries = 0;
    for root in paths {
        let prefix = root.file_name().filter(|_| paths.len() > 1).map(|name| name.to_string_lossy());
        match files(root, &mut entries, &mut found) {
            Ok(files) => files.into_iter().for_each(|(name, path)| match &prefix {
                Some(prefix) if path != *root => found.visit(&path, format!("{prefix}/{name}"), false),
                _ => found.visit(&path, name, path == *root),
            }),
            Err(error) => found.errors.push(error),
        }
    }
    found.finish()
}

#[derive(Default)]
struct Found {
    scan: Scan,
    errors: Vec<PhotoError>,
    /// Content hash → index of the photo.
    by_hash: BTreeMap<String, usize>,
    /// Paths that were looked at: folders may be named twice or lie in one another.
    seen: BTreeSet<PathBuf>,
    /// Files that are called as captions are.
    texts: Vec<PathBuf>,
    captions: Captions,
    own: Own,
}

impl Found {
    fn skip(&mut self, path: &Path, reason: impl Into<String>) {
        self.scan.skipped.push(Skipped { path: path.to_owned(), reason: reason.into(), own: false });
    }

    fn skip_own(&mut self, path: &Path, reason: &str) {
        self.scan.skipped.push(Skipped { path: path.to_owned(), reason: reason.into(), own: true });
    }

    fn visit(&mut self, path: &Path, name: String, named_by_user: bool) {
        if !self.seen.insert(path.to_owned()) {
            return;
        }
        match look(path, name) {
            Ok(Look::Photo { own: true, .. }) if !named_by_user => {
                self.skip_own(path, "an image that this program made")
            }
            Ok(Look::Photo { photo, .. }) => self.photo(photo),
            Ok(Look::Text) if !named_by_user => self.texts.push(path.to_owned()),
            Ok(Look::Text) => {
                self.errors.push(PhotoError::NotAPhoto { path: path.to_owned(), reason: "not an image".into() });
            }
            Ok(Look::Other(reason)) if named_by_user => {
                self.errors.push(PhotoError::NotAPhoto { path: path.to_owned(), reason });
            }
            Ok(Look::Other(reason)) => self.skip(path, reason),
            Err(error) => self.errors.push(error),
        }
    }

    fn photo(&mut self, mut photo: Photo) {
        if let Some(&first) = self.by_hash.get(&photo.hash) {
            let same_as = self.scan.photos[first].path.clone();
            self.scan.duplicates.push(Duplicate { path: photo.path, same_as });
            return;
        }
        let caption = self.captions.of(&photo.path);
        (photo.caption, photo.caption_file) = (caption.text, caption.file);
        self.scan.bad_captions.extend(caption.problem);
        self.scan.other_captions.extend(caption.others);
        self.by_hash.insert(photo.hash.clone(), self.scan.photos.len());
        self.scan.photos.push(photo);
    }

    fn finish(mut self) -> Result<Scan, PhotoError> {
        if let Some(error) = PhotoError::all(self.errors) {
            return Err(error);
        }
        let used = self.scan.photos.iter().map(|photo| &photo.path);
        let copies = self.scan.duplicates.iter().map(|copy| &copy.path);
        // A caption is called as its photo, with or without the photo's own ending.
        let owners: BTreeSet<PathBuf> =
            used.chain(copies).flat_map(|path| [path.clone(), path.with_extension("")]).collect();
        for path in self.texts {
            if !owners.contains(&path.with_extension("")) {
                let reason = "a text file without a photo of the same name".into();
                self.scan.skipped.push(Skipped { path, reason, own: false });
            }
        }
        self.scan.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(self.scan)
    }
}

/// The files of `root`, as (name relative to `root`, path), sorted by name. Links that lead nowhere or back to a folder
/// above are skipped, and so is what this program made.
fn files(root: &Path, entries: &mut usize, found: &mut Found) -> Result<Vec<(String, PathBuf)>, PhotoError> {
    if root.metadata().map_err(|e| PhotoError::io(root, e))?.is_file() {
        let name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![(name, root.to_owned())]);
    }
    // The folder itself may be a report, or lie in one: then what the report lists is passed over without many words.
    let real = root.canonicalize().map_err(|e| PhotoError::io(root, e))?;
    let own_root = found.own.folder(&real).or_else(|| found.own.part(&real));
    if let Some(reason) = own_root {
        found.skip_own(root, reason);
    }
    let mut files = Vec::new();
    let mut walk = WalkDir::new(root).follow_links(true).max_depth(MAX_DEPTH).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        *entries += 1;
        if *entries > MAX_ENTRIES {
            return Err(PhotoError::TooManyFiles { path: root.to_owned() });
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                skip_unreadable(error, root, found)?;
                continue;
            }
        };
        let is_folder = entry.file_type().is_dir();
        let passed_over = entry.depth() > 0 && is_hidden(entry.file_name());
        let own = if entry.depth() == 0 || passed_over {
            None
        } else {
            made_here(&entry, own_root.is_some(), &mut found.own)
        };
        if let Some(reason) = own.filter(|_| own_root.is_none()) {
            found.skip_own(entry.path(), reason);
        }
        match (is_folder, passed_over || own.is_some()) {
            (true, true) => walk.skip_current_dir(),
            (true, false) if entry.depth() == MAX_DEPTH => found.skip(entry.path(), "a folder nested too deeply"),
            (false, false) => files.push((relative_name(entry.path(), root), entry.into_path())),
            _ => {}
        }
    }
    files.sort();
    Ok(files)
}

/// Why an entry is this program's own: a folder that is a report or a store, or anything that lies in one by way of a
/// link or because the walk began there (`inside`).
fn made_here(entry: &walkdir::DirEntry, inside: bool, own: &mut Own) -> Option<&'static str> {
    let folder = entry.file_type().is_dir().then(|| own.folder(entry.path())).flatten();
    let place = (inside || entry.path_is_symlink()).then(|| entry.path().canonicalize().ok()).flatten();
    folder.or_else(|| own.part(&place?))
}

/// Skips links that lead nowhere or back; other errors end the walk.
fn skip_unreadable(error: walkdir::Error, root: &Path, found: &mut Found) -> Result<(), PhotoError> {
    let path = error.path().unwrap_or(root).to_owned();
    if path.file_name().is_some_and(is_hidden) && path != root {
        return Ok(());
    }
    if error.loop_ancestor().is_some() {
        found.skip(&path, "a link to a folder above it");
    } else if path.is_symlink() && !path.exists() {
        found.skip(&path, "a link that leads nowhere");
    } else {
        let source = error.into_io_error().unwrap_or_else(|| std::io::Error::other("cannot be walked"));
        return Err(PhotoError::io(&path, source));
    }
    Ok(())
}

fn is_hidden(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn relative_name(path: &Path, root: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    relative.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

enum Look {
    /// `own` if this program made it.
    Photo { photo: Photo, own: bool },
    /// A text file, a caption if there is a photo of the same name.
    Text,
    /// Not a photo, because of this.
    Other(String),
}

fn look(path: &Path, name: String) -> Result<Look, PhotoError> {
    let meta = path.metadata().map_err(|e| PhotoError::io(path, e))?;
    if !meta.is_file() {
        return Ok(Look::Other("not a regular file".into()));
    }
    let start = read(path, 4096)?;
    if let Err(reason) = format::recognise(&start) {
        return Ok(if caption::is_called_so(path) { Look::Text } else { Look::Other(reason) });
    }
    let bytes = read_photo(path)?;
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

/// The bytes of a photo, refused if there are more than [`MAX_FILE_BYTES`].
pub(super) fn read_photo(path: &Path) -> Result<Vec<u8>, PhotoError> {
    let bytes = read(path, MAX_FILE_BYTES + 1)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let bytes = path.metadata().map_or(bytes.len() as u64, |meta| meta.len());
        return Err(PhotoError::TooManyBytes { path: path.to_owned(), bytes });
    }
    Ok(bytes)
}

/// The first `limit` bytes of a file.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, PhotoError> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| PhotoError::io(path, e))?;
    file.take(limit).read_to_end(&mut bytes).map_err(|e| PhotoError::io(path, e))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own with tiny images; `grey` tells them apart.
    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().expect("temporary folder"))
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn file(&self, name: &str, bytes: &[u8]) -> &Self {
            std::fs::create_dir_all(self.path(name).parent().expect("parent")).expect("folder");
            std::fs::write(self.path(name), bytes).expect("write");
            self
        }

        fn png(&self, name: &str, grey: u8) -> &Self {
            self.file(name, &png(grey))
        }

        fn scan(&self) -> Scan {
            scan(&[self.0.path().to_owned()]).expect("scan")
        }

        fn skipped(&self) -> Vec<(String, String)> {
            let name = |path: &Path| relative_name(path, self.0.path());
            self.scan().skipped.into_iter().map(|s| (name(&s.path), s.reason)).collect()
        }
    }

    fn png(grey: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let image = image::RgbImage::from_pixel(3, 2, image::Rgb([grey; 3]));
        image.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).expect("encode");
        bytes
    }

    fn names(scan: &Scan) -> Vec<&str> {
        scan.photos.iter().map(|photo| photo.name.as_str()).collect()
    }

    #[test]
    fn photos_are_found_by_content_and_sorted_by_name() {
        let folder = Folder::new();
        folder.png("b.jpg", 1).png("a/z.png", 2).png("a.png", 3).png("B", 4).png("a/b/c", 5);
        let scan = folder.scan();
        assert_eq!(names(&scan), ["B", "a.png", "a/b/c", "a/z.png", "b.jpg"]);
        assert!(scan.photos.iter().all(|p| (p.format, p.width, p.height) == (Format::Png, 3, 2)));
        assert_eq!(scan.photos[0].hash, blake3::hash(&png(4)).to_hex().to_string());
        assert!(scan.skipped.is_empty());
    }

    #[test]
    fn other_files_are_listed_with_a_reason() {
        let folder = Folder::new();
        folder.png("ok.png", 1).file("empty.jpg", b"").file("notes.txt", b"hi").file("Thumbs.db", b"\xd0\xcf\x11\xe0");
        folder.file("x.heic", b"\0\0\0\x18ftypheic").file(".hidden.png", b"").file(".git/config", b"");
        assert_eq!(names(&folder.scan()), ["ok.png"]);
        let expected = [
            ("Thumbs.db", "not an image"),
            ("empty.jpg", "an empty file"),
            ("notes.txt", "a text file without a photo of the same name"),
            ("x.heic", "a HEIC photo: convert it to JPEG or PNG"),
        ];
        assert_eq!(folder.skipped(), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn captions_belong_to_their_photo() {
        let folder = Folder::new();
        folder.png("a.png", 1).file("a.txt", b" a red duck\n").png("b.png", 2);
        let scan = folder.scan();
        assert_eq!(scan.photos[0].caption.as_deref(), Some("a red duck"));
        assert_eq!(scan.photos[1].caption, None);
        assert!(scan.skipped.is_empty());
    }

    #[test]
    fn copies_are_reported_not_used() {
        let folder = Folder::new();
        folder.png("a.png", 1).png("b/a.png", 1).png("c.png", 2);
        let scan = folder.scan();
        assert_eq!(names(&scan), ["a.png", "c.png"]);
        assert_eq!(scan.duplicates, [Duplicate { path: folder.path("b/a.png"), same_as: folder.path("a.png") }]);
    }

    #[test]
    fn several_folders_and_files_are_told_apart_by_name() {
        let folder = Folder::new();
        folder.png("one/a.png", 1).png("two/a.png", 2).png("b.png", 3);
        let scan = scan(&[folder.path("two"), folder.path("one"), folder.path("b.png")]).expect("scan");
        assert_eq!(names(&scan), ["two/a.png", "one/a.png", "b.png"]);
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let folder = Folder::new();
        folder.png("ok.png", 1).file("broken.png", &png(2)[..20]).file("cut.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF");
        let paths = [folder.0.path().to_owned(), folder.path("none"), folder.path("broken.png")];
        let message = scan(&paths).expect_err("errors").to_string();
        assert_eq!(message.lines().count(), 3, "{message}");
        for part in ["broken.png: not a readable PNG file", "cut.jpg: not a readable JPEG file", "none: no such file"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_file_named_by_itself_must_be_a_photo() {
        let folder = Folder::new();
        folder.file("a.jpg", b"hello");
        let error = scan(&[folder.path("a.jpg")]).expect_err("refused");
        assert!(error.to_string().ends_with("a.jpg: not an image"), "{error}");
    }

    #[test]
    fn a_bad_caption_is_told_beside_the_photos() {
        let folder = Folder::new();
        folder.png("a.png", 1).file("a.txt", b"\xff").png("b.png", 2).file("b.caption", b"b").file("b.txt", b"first");
        let scan = folder.scan();
        assert_eq!(names(&scan), ["a.png", "b.png"]);
        assert!(scan.bad_captions.len() == 1 && scan.bad_captions[0].contains("a.txt: not UTF-8"));
        assert_eq!(scan.photos[1].caption_file, Some(folder.path("b.txt")));
        assert_eq!(scan.other_captions, [folder.path("b.caption")]);
        assert!(scan.skipped.is_empty());
    }

    fn own_png() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
        encoder.add_text_chunk("Software".into(), "runner 0.1.0".into()).expect("text");
        encoder.write_header().expect("header").write_image_data(&[0]).expect("pixels");
        bytes
    }

    #[test]
    fn what_this_program_made_is_no_photo() {
        let folder = Folder::new();
        folder.png("a.png", 1).file("b.png", &own_png());
        folder.png("out/x/images/p.png", 3).file("out/x/.report-files", b"images/p.png\n");
        folder.png("copy/images/p.png", 4).file("copy/index.html", b"").file("copy/report.md", b"");
        folder.file("copy/cells.csv", b"").png("out/.store/prepare/k/photos/p.png", 5);
        folder.png("old-store/prepare/k/photos/p.png", 6).file("old-store/prepare/k/DONE", b"");
        folder.file("old-store/prepare/k/manifest.json", b"{\"store_version\": 1}");
        assert_eq!(names(&folder.scan()), ["a.png"]);
        let expected = [
            ("b.png", "an image that this program made"),
            ("copy", "a report of this program"),
            ("old-store/prepare/k", "the store of this program"),
            ("out/x", "a report of this program"),
        ];
        assert_eq!(folder.skipped(), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        // What the user names file by file counts.
        let named = scan(&[folder.path("b.png"), folder.path("out/x/images/p.png")]).expect("scan");
        assert_eq!(named.photos.len(), 2);
    }

    #[test]
    fn a_folder_inside_a_report_is_no_folder_of_photos() {
        let folder = Folder::new();
        folder.png("x/images/p.png", 3).png("x/mine.png", 4).file("x/.report-files", b"images/p.png\n");
        for (root, found, reason) in [
            ("x/images", vec![], "part of a report of this program"),
            ("x", vec!["mine.png"], "a report of this program"),
        ] {
            let scan = scan(&[folder.path(root)]).expect("scan");
            assert_eq!(names(&scan), found);
            assert_eq!(scan.skipped, [Skipped { path: folder.path(root), reason: reason.into(), own: true }]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_but_loops_are_not() {
        use std::os::unix::fs::symlink;
        let (folder, elsewhere) = (Folder::new(), Folder::new());
        folder.png("a/a.png", 1);
        elsewhere.png("b.png", 2);
        symlink(folder.0.path(), folder.path("a/up")).expect("link");
        symlink("nowhere", folder.path("dangling")).expect("link");
        symlink(elsewhere.path("b.png"), folder.path("link.png")).expect("link");
        assert_eq!(names(&folder.scan()), ["a/a.png", "link.png"]);
        let expected = [("a/up", "a link to a folder above it"), ("dangling", "a link that leads nowhere")];
        assert_eq!(folder.skipped(), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[cfg(unix)]
    #[test]
    fn links_into_a_report_lead_to_no_photos() {
        use std::os::unix::fs::symlink;
        let (folder, elsewhere) = (Folder::new(), Folder::new());
        elsewhere.png("x/images/p.png", 1).png("x/mine.png", 2).file("x/.report-files", b"images/p.png\n");
        for (target, link) in [("x", "r"), ("x/images", "i"), ("x/images/p.png", "p.png"), ("x/mine.png", "m.png")] {
            symlink(elsewhere.path(target), folder.path(link)).expect("link");
        }
        assert_eq!(names(&folder.scan()), ["m.png"]);
        let part = "part of a report of this program";
        let expected = [("i", part), ("p.png", part), ("r", "a report of this program")];
        assert_eq!(folder.skipped(), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
