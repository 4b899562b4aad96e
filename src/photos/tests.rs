//! Tests of [`scan()`] on folders as users have them.

use std::path::{Path, PathBuf};

use super::format::Format;
use super::found::{Duplicate, Scan, Skipped};
use super::scan;
use super::walk::relative_name;

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
        scan(&[self.0.path().to_owned()], None).expect("scan")
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
    let scan = scan(&[folder.path("two"), folder.path("one"), folder.path("b.png")], None).expect("scan");
    assert_eq!(names(&scan), ["two/a.png", "one/a.png", "b.png"]);
}

#[test]
fn all_errors_are_told_at_once() {
    let folder = Folder::new();
    folder.png("ok.png", 1).file("broken.png", &png(2)[..20]).file("cut.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF");
    let paths = [folder.0.path().to_owned(), folder.path("none"), folder.path("broken.png")];
    let message = scan(&paths, None).expect_err("errors").to_string();
    assert_eq!(message.lines().count(), 3, "{message}");
    for part in ["broken.png: not a readable PNG file", "cut.jpg: not a readable JPEG file", "none: no such file"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_file_named_by_itself_must_be_a_photo() {
    let folder = Folder::new();
    folder.file("a.jpg", b"hello");
    let error = scan(&[folder.path("a.jpg")], None).expect_err("refused");
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
    let named = scan(&[folder.path("b.png"), folder.path("out/x/images/p.png")], None).expect("scan");
    assert_eq!(named.photos.len(), 2);
}

#[test]
fn a_folder_inside_a_report_is_no_folder_of_photos() {
    let folder = Folder::new();
    folder.png("x/images/p.png", 3).png("x/mine.png", 4).file("x/.report-files", b"images/p.png\n");
    for (root, found, reason) in
        [("x/images", vec![], "part of a report of this program"), ("x", vec!["mine.png"], "a report of this program")]
    {
        let scan = scan(&[folder.path(root)], None).expect("scan");
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
