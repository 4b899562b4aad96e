//! Finds the photos of a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::caption::Captions;
use super::error::PhotoError;
use super::found::{Duplicate, Scan, Skipped};
use super::look::{Look, look};
use super::mask_files;
use super::photo::Photo;
use super::walk::Walk;

/// Finds the photos in `paths`, folders (walked recursively, links followed) or single files.
///
/// Files are recognised by content, never by name. What is not a photo is listed in [`Scan::skipped`], and so is what
/// this program made itself: reports, its store, images of `runner generate`. A file that the user names by itself must
/// be a photo; it counts even if this program made it.
///
/// Masks lie in the folder `masks`, else beside the photos ([`MASK_NAMES`](super::MASK_NAMES)); they are no photos.
///
/// # Errors
/// All photos that cannot be used (a broken header, a size beyond a limit) and all folders that cannot be read.
pub fn scan(paths: &[PathBuf], masks: Option<&Path>) -> Result<Scan, PhotoError> {
    let (scan, errors) = scan_all(paths, masks);
    PhotoError::all(errors).map_or(Ok(scan), Err)
}

/// Like [`scan()`], but goes on where a photo or a folder cannot be used.
pub(super) fn scan_all(paths: &[PathBuf], masks: Option<&Path>) -> (Scan, Vec<PhotoError>) {
    let mut found = Found::default();
    let mut walk = Walk::without(masks);
    for root in paths {
        let prefix = root.file_name().filter(|_| paths.len() > 1).map(|name| name.to_string_lossy());
        let files = walk.files(root);
        found.scan.skipped.append(&mut walk.skipped);
        match files {
            Ok(files) => files.into_iter().for_each(|(name, path)| match &prefix {
                Some(prefix) if path != *root => found.visit(&path, format!("{prefix}/{name}"), false),
                _ => found.visit(&path, name, path == *root),
            }),
            Err(error) => found.errors.push(error),
        }
    }
    found.finish(masks)
}

#[derive(Default)]
struct Found {
    scan: Scan,
    errors: Vec<PhotoError>,
    /// Content hash → index of the photo.
    by_hash: BTreeMap<String, usize>,
    /// Paths that were looked at: folders may be named twice or lie in one another.
    seen: BTreeSet<PathBuf>,
    /// Files with the name of a caption.
    texts: Vec<PathBuf>,
    /// Files with the name of a mask.
    masks: Vec<PathBuf>,
    captions: Captions,
}

impl Found {
    fn skip(&mut self, path: &Path, reason: &str, own: bool) {
        self.scan.skipped.push(Skipped { path: path.to_owned(), reason: reason.to_owned(), own });
    }

    fn visit(&mut self, path: &Path, name: String, named_by_user: bool) {
        if !self.seen.insert(path.to_owned()) {
            return;
        }
        if !named_by_user && mask_files::has_mask_name(path) {
            self.masks.push(path.to_owned());
            return;
        }
        match look(path, name) {
            Ok(Look::Photo { own: true, .. }) if !named_by_user => {
                self.skip(path, "an image that this program made", true)
            }
            Ok(Look::Photo { photo, .. }) => self.photo(photo),
            Ok(Look::Text) if !named_by_user => self.texts.push(path.to_owned()),
            Ok(Look::Text) => {
                self.errors.push(PhotoError::NotAPhoto { path: path.to_owned(), reason: "not an image".into() });
            }
            Ok(Look::Other(reason)) if named_by_user => {
                self.errors.push(PhotoError::NotAPhoto { path: path.to_owned(), reason });
            }
            Ok(Look::Other(reason)) => self.skip(path, &reason, false),
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

    fn finish(mut self, masks: Option<&Path>) -> (Scan, Vec<PhotoError>) {
        self.find_masks(masks);
        let used = self.scan.photos.iter().map(|photo| &photo.path);
        let copies = self.scan.duplicates.iter().map(|copy| &copy.path);
        // A caption has the name of its photo, with or without the photo's own ending.
        let owners: BTreeSet<PathBuf> =
            used.chain(copies).flat_map(|path| [path.clone(), path.with_extension("")]).collect();
        for path in self.texts {
            if !owners.contains(&path.with_extension("")) {
                let reason = "a text file without a photo of the same name".to_owned();
                self.scan.skipped.push(Skipped { path, reason, own: false });
            }
        }
        self.scan.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        (self.scan, self.errors)
    }

    /// Masks in the folder of masks, if there is one, else beside the photos.
    fn find_masks(&mut self, folder: Option<&Path>) {
        let copies: Vec<&Path> = self.scan.duplicates.iter().map(|copy| copy.path.as_path()).collect();
        let (masks, alone) = match folder {
            Some(folder) => mask_files::in_folder(folder, &self.scan.photos, &copies),
            None => mask_files::beside(&self.scan.photos, &copies, std::mem::take(&mut self.masks)),
        };
        self.scan.mask_files = masks;
        self.scan.skipped.extend(alone);
    }
}
