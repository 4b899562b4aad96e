//! What the photo folders hold besides photos that are used.

use std::borrow::Cow;
use std::path::Path;

use super::listed::listed;
use crate::photos::{Alike, CAPTION_NAMES, Scan, Skipped};
use crate::text::count;

/// Everything about the photos of one setting of `dataset.images`; about captions only if they are wanted.
pub(super) fn gather(scan: &Scan, captions: bool) -> Vec<String> {
    let told = [left_out(scan), own_pictures(scan), copies(scan), alike(scan)];
    let of_captions = [few_captions(scan), other_captions(scan)];
    told.into_iter().chain(of_captions.into_iter().filter(|_| captions)).flatten().collect()
}

/// Files of a photo folder that are not used.
fn left_out(scan: &Scan) -> Option<String> {
    let skipped: Vec<&Skipped> = scan.skipped.iter().filter(|skipped| !skipped.own).collect();
    let names = skipped.iter().map(|skipped| format!("{} ({})", name(&skipped.path), skipped.reason));
    let files = count(skipped.len(), "file");
    listed(names.collect()).map(|names| format!("{files} of the photo folder cannot be used: {names}."))
}

/// What this program made itself, in a photo folder.
fn own_pictures(scan: &Scan) -> Option<String> {
    let own = scan.skipped.iter().filter(|skipped| skipped.own);
    let names = own.map(|skipped| format!("{} ({})", skipped.path.display(), skipped.reason));
    listed(names.collect()).map(|names| format!("The program's own pictures are no photos and were left out: {names}."))
}

/// Copies that do not count as photos.
fn copies(scan: &Scan) -> Option<String> {
    let names =
        scan.duplicates.iter().map(|copy| format!("{} (the same as {})", name(&copy.path), name(&copy.same_as)));
    let copies = count(scan.duplicates.len(), "photo");
    let are = if scan.duplicates.len() == 1 { "is a copy" } else { "are copies" };
    listed(names.collect()).map(|names| format!("{copies} {are} of others and not used: {names}."))
}

/// Photos that show nearly the same picture.
fn alike(scan: &Scan) -> Option<String> {
    let called = |hash: &String| {
        let photo = scan.photos.iter().find(|photo| photo.hash == *hash);
        photo.map_or_else(|| hash.clone(), |photo| photo.name.clone())
    };
    let group = |alike: &Alike| {
        let names = listed(alike.photos.iter().map(called).collect()).unwrap_or_default();
        if alike.mirrored { format!("({names}; mirrored)") } else { format!("({names})") }
    };
    let groups = listed(scan.alike.iter().map(group).collect())?;
    Some(format!(
        "Some photos show nearly the same picture: {groups}. They stay together, either trained on or held out, and \
         count as several photos all the same; remove what should not count."
    ))
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
    use crate::photos::{Duplicate, Format, Photo};

    #[test]
    fn files_left_out_are_named_and_many_are_counted() {
        assert_eq!(left_out(&Scan::default()), None);
        let skipped =
            |n: usize| Skipped { path: format!("photos/{n}.heic").into(), reason: "a HEIC photo".into(), own: false };
        let scan = |n: usize| Scan { skipped: (0..n).map(skipped).collect(), ..Scan::default() };
        assert_eq!(left_out(&scan(1)).unwrap(), "1 file of the photo folder cannot be used: 0.heic (a HEIC photo).");
        assert!(left_out(&scan(7)).unwrap().ends_with("4.heic (a HEIC photo) and 2 more."));
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
        assert_eq!(left_out(&scan), None);
        let notice = own_pictures(&scan).unwrap();
        assert!(notice.ends_with("were left out: a/reports/x (a report of this program)."), "{notice}");
    }

    #[test]
    fn copies_and_twins_are_named() {
        let duplicates = vec![Duplicate { path: "p/b.jpg".into(), same_as: "p/a.jpg".into() }];
        let alike_photos = Alike { photos: vec!["0".into(), "2".into()], mirrored: true };
        let scan = Scan { photos: photos(&[None; 3]), duplicates, alike: vec![alike_photos], ..Scan::default() };
        assert_eq!(copies(&scan).unwrap(), "1 photo is a copy of others and not used: b.jpg (the same as a.jpg).");
        assert!(alike(&scan).unwrap().contains("(0.jpg, 2.jpg; mirrored)"));
        assert_eq!((copies(&Scan::default()), alike(&Scan::default())), (None, None));
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
