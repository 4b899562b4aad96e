//! What can be said against the photos, and against their captions.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::listed::listed;
use crate::photos::check::{Finding, Kind, Usage, findings};
use crate::photos::{CAPTION_NAMES, Scan};
use crate::text::count;

/// Everything about the photos of one setting of `dataset.images`, for the cells that use them; about captions only if
/// they are wanted.
pub(super) fn gather(scan: &Scan, usages: &BTreeSet<Usage>, captions: bool) -> Vec<String> {
    let of_captions = [few_captions(scan), other_captions(scan)];
    sentences(findings(scan, usages))
        .into_iter()
        .chain(of_captions.into_iter().filter(|_| captions).flatten())
        .collect()
}

/// One sentence for each kind, and what to do.
fn sentences(findings: Vec<Finding>) -> Vec<String> {
    let mut kinds: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for finding in findings {
        kinds.entry(finding.kind).or_default().push(finding.item());
    }
    let sentence = |(kind, items): (Kind, Vec<String>)| {
        let start = kind.sentence(items.len());
        Some(format!("{start}: {}. {}", listed(items)?, kind.advice()).trim_end().to_owned())
    };
    kinds.into_iter().filter_map(sentence).collect()
}

/// Captions that are wanted, but not there for all photos.
fn few_captions(scan: &Scan) -> Option<String> {
    let all = scan.photos.len();
    let found = scan.photos.iter().filter(|photo| photo.caption(true).is_some()).count();
    let photos = count(all, "photo");
    match found {
        _ if found == all => None,
        0 => Some(format!(
            "No captions were found for the {photos} (looked for {CAPTION_NAMES}): all use the instance prompt."
        )),
        _ => Some(format!("Captions were found for {found} of {photos}; the others use the instance prompt.")),
    }
}

/// Caption files beside those that are used.
fn other_captions(scan: &Scan) -> Option<String> {
    let names = scan.other_captions.iter().map(|path| name(path).into_owned()).collect();
    listed(names).map(|names| format!("Some photos have several caption files; these are not used: {names}."))
}

fn name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photos::{Alike, Duplicate, Format, Photo, Skipped};

    fn told(scan: &Scan) -> Vec<String> {
        gather(scan, &BTreeSet::new(), false)
    }

    #[test]
    fn files_left_out_are_named_and_many_are_counted() {
        assert!(told(&Scan::default()).is_empty());
        let skipped =
            |n: usize| Skipped { path: format!("photos/{n}.heic").into(), reason: "a HEIC photo".into(), own: false };
        let scan = |n: usize| Scan { skipped: (0..n).map(skipped).collect(), ..Scan::default() };
        assert_eq!(told(&scan(1)), ["1 file of the photo folder cannot be used: 0.heic (a HEIC photo)."]);
        assert!(told(&scan(7))[0].ends_with("4.heic (a HEIC photo) and 2 more."));
    }

    fn photos(captions: &[Option<&str>]) -> Vec<Photo> {
        let photo = |(i, caption): (usize, &Option<&str>)| Photo {
            path: format!("photos/{i}.jpg").into(),
            name: format!("{i}.jpg"),
            hash: i.to_string(),
            format: Format::Jpeg,
            width: 1,
            height: 1,
            reading: 1,
            caption: caption.map(Into::into),
            caption_file: None,
        };
        captions.iter().enumerate().map(photo).collect()
    }

    #[test]
    fn own_pictures_are_told_apart_from_other_files() {
        let skipped =
            vec![Skipped { path: "a/reports/x".into(), reason: "a report of this program".into(), own: true }];
        let scan = Scan { skipped, ..Scan::default() };
        let notices = told(&scan);
        assert_eq!(notices.len(), 1);
        assert!(notices[0].ends_with("were left out: a/reports/x (a report of this program)."), "{notices:?}");
    }

    #[test]
    fn copies_and_twins_are_named() {
        let duplicates = vec![Duplicate { path: "p/b.jpg".into(), same_as: "p/a.jpg".into() }];
        let alike_photos = Alike { photos: vec!["0".into(), "2".into()], mirrored: true };
        let scan = Scan { photos: photos(&[None; 3]), duplicates, alike: vec![alike_photos], ..Scan::default() };
        let notices = told(&scan);
        assert_eq!(notices[0], "1 photo is a copy of others and not used: b.jpg (the same as a.jpg).");
        assert!(notices[1].contains("picture: (0.jpg, 2.jpg; mirrored). They stay together"), "{notices:?}");
    }

    #[test]
    fn captions_are_counted() {
        let told = |captions: &[Option<&str>]| few_captions(&Scan { photos: photos(captions), ..Scan::default() });
        assert_eq!(told(&[Some("a"), Some("b")]), None);
        let some = "Captions were found for 1 of 3 photos; the others use the instance prompt.";
        assert_eq!(told(&[Some("a"), None, None]).unwrap(), some);
        assert!(told(&[None]).unwrap().starts_with("No captions were found for the 1 photo (looked for photo.txt,"));
        let scan = Scan { other_captions: vec!["p/a.cap".into()], ..Scan::default() };
        assert!(other_captions(&scan).unwrap().ends_with("not used: a.cap."));
    }
}
