//! The page as one file: every picture it shows is inside, as a data URI; all other files are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::files::plain_file;
use crate::report::data::StudyData;
use crate::report::error::ReportError;
use crate::report::page::tags::{Piece, Tag, pieces};
use crate::report::style::page::OF_SINGLE_FILE;
use crate::report::style::{link, picture};

/// What the page says at its top.
const NOTE: &str = "<p class=\"banner\">This page is one file. It holds small copies of the images; the full images \
                    and all other files lie in the folder of the report.</p>";
/// What is written behind a link to a file that is left out.
const LEFT_OUT: &str = " <small>(not in this file)</small>";
/// Larger files are no pages of this program.
const MOST_PAGE: u64 = 1 << 40;
/// Larger files are no pictures of a report.
const MOST_BYTES: u64 = 64 << 20;

/// The page of a report that lies in `folder`. `data` is what it shows.
///
/// # Errors
/// A picture that cannot be read, or more than `most` bytes: the error says how many it would be.
pub fn single_file(data: &StudyData, folder: &Path, most: u64) -> Result<String, ReportError> {
    let path = folder.join("index.html");
    let page = std::fs::read_to_string(&path).map_err(|e| ReportError::read(&path, e))?;
    let mut pictures = Pictures { folder, uris: BTreeMap::new() };
    let mut shown = BTreeSet::new();
    let mut left_out = false;
    let mut out = String::with_capacity(page.len());
    let last_script = page.rfind("<script>").unwrap_or(page.len());
    let (before, after) = page.split_at(last_script);
    for piece in pieces(before) {
        match piece {
            Piece::Start(mut tag) if tag.name == "img" => {
                if let Some(file) = local(&tag, "src") {
                    tag.set("src", pictures.uri(&file)?);
                    tag.set("data-file", &file);
                    shown.insert(file);
                }
                tag.write(&mut out);
            }
            Piece::Start(mut tag) if tag.name == "a" => {
                left_out = false;
                if let Some(file) = local(&tag, "href") {
                    // Scripts give an image its link again: its large view shows the small copy.
                    let is_shot = tag.value("data-id").is_some();
                    tag.remove("href");
                    tag.set("data-file", &file);
                    left_out = !is_shot;
                }
                tag.write(&mut out);
            }
            Piece::Start(tag) if tag.name == "main" => {
                out.push_str(NOTE);
                tag.write(&mut out);
            }
            Piece::Start(tag) => tag.write(&mut out),
            Piece::Text(text) => {
                let end = text.find("</a>").filter(|_| left_out);
                let (own, rest) = text.split_at(end.unwrap_or(text.len()));
                out.push_str(own);
                if end.is_some() {
                    out.push_str(LEFT_OUT);
                    left_out = false;
                }
                out.push_str(rest);
            }
        }
    }
    let inside = inside(data, &shown, &mut pictures)?;
    out.push_str(&format!("<script type=\"application/json\" id=\"inside\">{inside}</script>\n"));
    out.push_str(&format!("<script>{OF_SINGLE_FILE}</script>\n{after}"));
    let bytes = out.len() as u64;
    if bytes > most { Err(ReportError::TooLarge { bytes, most }) } else { Ok(out) }
}

/// Whether a file is such a page.
#[must_use]
pub fn is_single_file(path: &Path) -> bool {
    plain_file::read(path, MOST_PAGE).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(NOTE))
}

/// The file of the report that an attribute names, as it stands there; `None` for anchors and what is inside already.
fn local(tag: &Tag<'_>, name: &str) -> Option<String> {
    let value = tag.value(name)?;
    let elsewhere = value.is_empty() || value.starts_with('#') || value.contains(':');
    (!elsewhere).then_some(value)
}

/// For every picture of the study what shows it: a picture of the page, by its name, or its data, if only scripts ever
/// show it.
fn inside(data: &StudyData, shown: &BTreeSet<String>, pictures: &mut Pictures<'_>) -> Result<String, ReportError> {
    let sets = data.baselines.iter().chain(&data.class_images).map(|set| &set.images);
    let images = data.cells.iter().map(|cell| &cell.images).chain(sets).flatten().map(|p| (p.file.as_str(), p.width));
    let photos = data.photos.iter().filter_map(|photo| Some((photo.file.as_deref()?, photo.width)));
    let mut names = serde_json::Map::new();
    for (file, width) in images.chain(photos) {
        let small = link::href(&picture::shown(file, width));
        if !shown.contains(&small) {
            names.insert(small.clone(), json!(pictures.uri(&small)?));
        }
        let full = link::href(file);
        if full != small {
            names.insert(full, json!(small));
        }
    }
    Ok(serde_json::Value::Object(names).to_string())
}

/// Pictures of the report as data URIs, each made once.
struct Pictures<'f> {
    folder: &'f Path,
    uris: BTreeMap<String, String>,
}

impl Pictures<'_> {
    /// The data URI of a file, named as in a link.
    fn uri(&mut self, link: &str) -> Result<&str, ReportError> {
        if !self.uris.contains_key(link) {
            let name = percent_decode_str(link).decode_utf8_lossy().into_owned();
            let path = self.folder.join(&name);
            let bytes = plain_file::read(&path, MOST_BYTES).map_err(|e| ReportError::read(&path, e))?;
            self.uris.insert(link.to_owned(), data_uri(&name, bytes)?);
        }
        Ok(&self.uris[link])
    }
}

/// Images and photos, which lie in folders, as small JPEGs; charts as they are.
fn data_uri(name: &str, bytes: Vec<u8>) -> Result<String, ReportError> {
    let ending = name.rsplit('.').next().unwrap_or_default();
    let (kind, bytes) = match ending {
        "png" if name.contains('/') => ("jpeg", picture::thumbnail(name, &picture::decode(name, &bytes)?)?),
        "jpg" => ("jpeg", bytes),
        other => (other, bytes),
    };
    Ok(format!("data:image/{kind};base64,{}", BASE64.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn nothing_of_the_folder_is_needed() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let data = fixture::with_files(fixture::study(), dir.path());
        let out = dir.path().join("out");
        crate::report::write(&data, &out, None).expect("writes");
        let page = single_file(&data, &out, u64::MAX).expect("makes");
        let (mut images, mut links, mut shots) = (0, 0, 0);
        for piece in pieces(&page) {
            let Piece::Start(tag) = piece else { continue };
            match tag.name {
                "img" => {
                    let src = tag.value("src").unwrap_or_default();
                    assert!(src.is_empty() || src.starts_with("data:image/"), "{src}");
                    images += usize::from(!src.is_empty());
                }
                "a" => {
                    assert!(tag.value("href").is_none_or(|href| href.starts_with('#')), "{:?}", tag.value("href"));
                    links += usize::from(tag.value("data-file").is_some());
                    shots += usize::from(tag.value("data-id").is_some());
                }
                _ => {}
            }
        }
        assert!(images > 20 && shots > 20 && links > 5, "{images} {shots} {links}");
        assert!(page.contains("cells.csv <small>(not in this file)</small></a>"));
        assert!(!page.contains("data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAIA"), "images are JPEGs");
        let most = page.len() as u64 - 1;
        let error = single_file(&data, &out, most).expect_err("too large").to_string();
        assert!(error.contains("would have") && error.contains("--max-size"), "{error}");
        std::fs::remove_file(out.join(&data.baselines[0].images[0].file)).expect("removes");
        assert!(single_file(&data, &out, u64::MAX).is_err(), "a picture that is gone is told");
    }
}
