//! Where `runner generate` puts its images.

use super::exit::{Exit, Failure};
use std::path::{Path, PathBuf};

/// One file, or a folder with a file for every image.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ImageOutput {
    /// A .png file; several images get their seed in the name.
    File(PathBuf),
    /// A folder; each file in it is called SEED.png.
    Folder(PathBuf),
}

impl ImageOutput {
    /// What a path given by the user means.
    ///
    /// # Errors
    /// A name that ends like another kind of file: images are PNG files.
    pub(super) fn parse(path: PathBuf) -> Result<Self, String> {
        // Most file systems have names of up to 255 bytes; a number may be added to this one.
        const LONGEST: usize = 200;
        if path.as_os_str() == "-" {
            return Err("images are not written to standard output: name a .png file".to_owned());
        }
        if path.file_name().is_some_and(|name| name == ".png") {
            return Err("the file has no name in front of .png".to_owned());
        }
        if path.file_name().is_some_and(|name| name.len() > LONGEST) {
            return Err(format!("the file name is longer than {LONGEST} bytes"));
        }
        let last = path.as_os_str().as_encoded_bytes().last().map(|byte| char::from(*byte));
        if path.is_dir() || last.is_some_and(std::path::is_separator) {
            return Ok(Self::Folder(path));
        }
        match path.extension() {
            None => Ok(Self::Folder(path)),
            Some(ending) if ending.eq_ignore_ascii_case("png") => Ok(Self::File(path)),
            Some(ending) => Err(format!(
                "images are written as PNG files, not as .{}: write {}, or {}/ for a folder of that name",
                ending.to_string_lossy(),
                path.with_extension("png").display(),
                path.display()
            )),
        }
    }

    /// Where the image with that seed goes. `alone` says that it is the only one.
    pub(super) fn target(&self, seed: u64, alone: bool) -> PathBuf {
        match self {
            Self::File(path) if alone => path.clone(),
            Self::File(path) => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                path.with_file_name(format!("{stem}-{seed}.png"))
            }
            Self::Folder(path) => path.join(format!("{seed}.png")),
        }
    }
}

/// Refuses a file whose folder cannot be made because a file is in its place.
pub(super) fn may_make_folder(target: &Path) -> Result<(), Failure> {
    let existing = target.ancestors().skip(1).find(|folder| folder.symlink_metadata().is_ok());
    match existing {
        Some(place) if !place.is_dir() => {
            let error = anyhow::anyhow!("{}: {} is a file, not a folder", target.display(), place.display());
            Err(Failure::new(Exit::Usage, error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_after_file_folder_and_seed() {
        let target =
            |text: &str, alone| ImageOutput::parse(text.into()).unwrap().target(7, alone).display().to_string();
        assert_eq!(target("image.png", true), "image.png");
        assert_eq!(target("x/a.PNG", false), "x/a-7.png");
        assert_eq!(target("x/", true), "x/7.png");
        assert_eq!(target("x", true), "x/7.png");
        assert_eq!(target("x.jpg/", true), "x.jpg/7.png");
    }

    #[test]
    fn other_endings_are_refused() {
        for text in ["-", ".png", "a/.png", &"x".repeat(300)] {
            assert!(ImageOutput::parse(text.into()).is_err(), "{text}");
        }
        for text in ["picture.jpg", "a.b/picture.WEBP", "picture.png.tif", "v1.5"] {
            assert!(ImageOutput::parse(text.into()).unwrap_err().contains("PNG"), "{text}");
        }
        assert!(ImageOutput::parse("picture.jpeg".into()).unwrap_err().contains("write picture.png, or picture.jpeg/"));
        let folder = tempfile::tempdir().unwrap();
        let named = folder.path().join("old.jpg");
        std::fs::create_dir(&named).unwrap();
        assert_eq!(ImageOutput::parse(named.clone()), Ok(ImageOutput::Folder(named)));
    }

    #[test]
    fn a_file_is_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("taken"), b"").unwrap();
        assert!(may_make_folder(&folder.path().join("taken/a/b.png")).is_err());
        assert!(may_make_folder(&folder.path().join("new/a/b.png")).is_ok());
        assert!(may_make_folder(Path::new("a.png")).is_ok());
    }
}
