//! Where masks lie: `photo.mask.png` beside `photo.jpg`, or in a folder of their own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::found::Skipped;
use super::limits::MAX_ENTRIES;
use super::photo::Photo;

/// The names of masks beside photos, for people.
pub const MASK_NAMES: &str = "photo.mask.png or photo.jpg.mask.png";

/// Why a mask without its photo is not used.
const ALONE: &str = "a mask without a photo of the same name";

/// True if a file beside photos has the name of a mask: `photo.mask.png`.
pub(super) fn has_mask_name(path: &Path) -> bool {
    let ends_in = |path: &Path, ending: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(ending));
    ends_in(path, "png") && path.file_stem().is_some_and(|stem| ends_in(Path::new(stem), "mask"))
}

/// The photo that a mask beside it belongs to, without the ending of the mask: `a/photo` or `a/photo.jpg`.
fn owner(mask: &Path) -> PathBuf {
    mask.with_extension("").with_extension("")
}

/// Gives each mask that was met beside photos to its photo. `others` are the paths of copies, which are not used.
pub(super) fn beside(
    photos: &[Photo],
    others: &[&Path],
    met: Vec<PathBuf>,
) -> (BTreeMap<String, PathBuf>, Vec<Skipped>) {
    let (mut masks, mut alone) = (BTreeMap::new(), Vec::new());
    for mask in met {
        let owner = owner(&mask);
        let is_owner = |path: &Path| path == owner || path.with_extension("") == owner;
        let mut owners = photos.iter().filter(|photo| is_owner(&photo.path)).peekable();
        if owners.peek().is_none() && !others.iter().any(|path| is_owner(path)) {
            alone.push(Skipped { path: mask.clone(), reason: ALONE.to_owned(), own: false });
        }
        for photo in owners {
            masks.entry(photo.hash.clone()).or_insert_with(|| mask.clone());
        }
    }
    (masks, alone)
}

/// Finds the masks of photos in a folder of masks: `photo.png`, `photo.mask.png`, `photo.jpg.png` or
/// `photo.jpg.mask.png`, in folders of the same names as those of the photos. What belongs to no photo is told.
pub(super) fn in_folder(
    folder: &Path,
    photos: &[Photo],
    others: &[&Path],
) -> (BTreeMap<String, PathBuf>, Vec<Skipped>) {
    let mut masks = BTreeMap::new();
    for photo in photos {
        let name = folder.join(&photo.name);
        let with = |base: &Path, ending: &str| {
            let mut name = base.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        let bases = [name.with_extension(""), name];
        let mut names = bases.iter().flat_map(|base| [with(base, ".png"), with(base, ".mask.png")]);
        if let Some(mask) = names.find(|path| path.is_file()) {
            masks.insert(photo.hash.clone(), mask);
        }
    }
    let walk = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().take(MAX_ENTRIES).filter_map(Result::ok);
    let pictures = walk
        .map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) && path.is_file());
    let copy = |mask: &Path| {
        let stem = |path: &Path| path.file_stem().map(OsStr::to_owned);
        let plain = if has_mask_name(mask) { stem(&owner(mask).with_extension("x")) } else { stem(mask) };
        others.iter().any(|path| stem(path) == plain || path.file_name().map(OsStr::to_owned) == plain)
    };
    let alone = pictures.filter(|path| !masks.values().any(|mask| mask == path) && !copy(path));
    let alone = alone.map(|path| Skipped { path, reason: ALONE.to_owned(), own: false }).collect();
    (masks, alone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_known_by_their_names() {
        for name in ["a.mask.png", "a.jpg.mask.PNG", "b/a.MASK.png"] {
            assert!(has_mask_name(Path::new(name)), "{name}");
        }
        for name in ["mask.png", ".mask.png", "a.mask.jpg", "a.mask", "amask.png", "a.png"] {
            assert!(!has_mask_name(Path::new(name)), "{name}");
        }
        assert_eq!(owner(Path::new("b/a.jpg.mask.png")), Path::new("b/a.jpg"));
    }
}
