//! Writes the report folder.

use std::collections::BTreeSet;
use std::path::Path;

use crate::plan::Plan;
use crate::records::rows::{LossRow, ProbeRow};
use crate::report::collect::collect;
use crate::report::data::{Live, StudyData, Vote};
use crate::report::error::ReportError;
use crate::report::files::folder::Folder;
use crate::report::files::owner::Owner;
use crate::report::files::{cells_json, csv, light, markdown, tensorboard, votes};
use crate::report::finding::Judged;
use crate::report::page::{cost, index};
use crate::report::sections::{self, Charts, Page};
use crate::report::style::picture;
use crate::report::tables::compare;
use crate::report::{charts, diff, finding, sheet};
use crate::store::Store;

/// What a report shows besides its study.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// The run that is going on.
    pub live: Option<&'a Live>,
    /// Another study to stand beside it.
    pub other: Option<&'a Plan>,
    /// What people answered in the blind test.
    pub votes: &'a [Vote],
    /// Whether images and photos are written as JPEGs.
    pub light: bool,
}

/// Collects a study from the store and writes its report folder.
///
/// Only one process writes at a time: of two runners on one study, the later report sees all that the earlier one saw.
/// A report of another experiment is left alone, unless the owner may replace it.
pub fn build(
    plan: &Plan,
    store: &Store,
    out: &Path,
    owner: &Owner,
    extras: Extras<'_>,
) -> Result<StudyData, ReportError> {
    let _turn = store.for_report(&plan.name);
    owner.check(out)?;
    let mut data = collect(plan, store, extras.live)?;
    data.votes = extras.votes.to_vec();
    let mut other = extras.other.map(|plan| collect(plan, store, None)).transpose()?;
    if extras.light {
        std::iter::once(&mut data).chain(&mut other).for_each(light::lighten);
    }
    write_both(&data, other, out, Some(owner), extras.light)?;
    Ok(data)
}

/// Writes the report folder: everything that `data` describes and nothing else.
///
/// Files are replaced one by one, each by a rename; files of an earlier report that are no longer part
/// of this one are removed, other files are left alone.
pub fn write(data: &StudyData, out: &Path, owner: Option<&Owner>) -> Result<(), ReportError> {
    write_both(data, None, out, owner, false)
}

fn write_both(
    data: &StudyData,
    other: Option<StudyData>,
    out: &Path,
    owner: Option<&Owner>,
    is_light: bool,
) -> Result<(), ReportError> {
    let other = other.map(|other| compare::moved(data, other));
    let mut folder = Folder::open(out)?;
    if let Some(owner) = owner {
        owner.write(&mut folder)?;
    }
    for study in std::iter::once(data).chain(&other) {
        let mut there = BTreeSet::new();
        for file in &study.files {
            if is_light && light::is_copy(&file.to) {
                folder.write_copy(&file.to, &light::copy(&file.to, &file.from.read()?)?, &file.from)?;
            } else if folder.copy(&file.to, &file.from)? {
                there.insert(file.to.as_str());
            }
        }
        thumbnails(study, &there, &mut folder)?;
    }
    let judged = finding::judged(data);
    let other = other.as_ref().map(finding::judged);
    let page = Page { data, judged: &judged, other: other.as_ref(), charts: draw(&judged, &mut folder)? };
    folder.write("loss.csv", &csv::stacked::<LossRow>(data, |c| &c.loss))?;
    folder.write("probe.csv", &csv::stacked::<ProbeRow>(data, |c| &c.probe))?;
    if data.has_probe_values() {
        folder.write("probe_values.csv", &csv::probe_values(data))?;
    }
    folder.write("cells.csv", &csv::cells(data))?;
    folder.write("images.csv", &csv::images(data))?;
    finding::files::write(&judged, &mut folder)?;
    folder.write(cells_json::FILE, &cells_json::file(&judged))?;
    if !data.record.is_empty() {
        folder.write(diff::FILE, data.record.as_bytes())?;
    }
    if !data.votes.is_empty() {
        folder.write(votes::FILE, &votes::file(&data.votes))?;
    }
    folder.write("cost.csv", &csv::costs(data))?;
    for (name, bytes) in tensorboard::files(data) {
        folder.write(&name, &bytes)?;
    }
    folder.write("cost.html", cost::page(&judged).as_bytes())?;
    let sections = sections::all(&page);
    folder.write("report.md", markdown::page(&page, &sections).as_bytes())?;
    folder.write("index.html", index::page(&page, &sections).as_bytes())?;
    folder.finish()
}

/// Small copies of wide images. While a run goes on, those of images that were `there` before are not made again; the
/// last report makes all.
fn thumbnails(data: &StudyData, there: &BTreeSet<&str>, folder: &mut Folder) -> Result<(), ReportError> {
    let sets = data.baselines.iter().chain(&data.class_images).map(|s| &s.images);
    let images = data.cells.iter().map(|c| &c.images).chain(sets).flatten().map(|p| (p.file.as_str(), p.width));
    let photos = data.photos.iter().filter_map(|p| Some((p.file.as_deref()?, p.width)));
    for (file, width) in images.chain(photos).filter(|(_, width)| *width > picture::THUMBNAIL) {
        let small = picture::shown(file, width);
        if data.live.is_some() && there.contains(file) && folder.keep(&small)? {
            continue;
        }
        let image = picture::decode(file, &folder.read(file)?)?;
        folder.write(&small, &picture::thumbnail(file, &image)?)?;
    }
    Ok(())
}

/// Draws the charts and the sheets.
fn draw(judged: &Judged<'_>, folder: &mut Folder) -> Result<Charts, ReportError> {
    let data = judged.data;
    let mut put = |name: &str, bytes: Option<Vec<u8>>| match bytes {
        Some(bytes) => folder.write(name, &bytes).map(|()| true),
        None => Ok(false),
    };
    let loss = put("loss.png", charts::loss(data)?)?;
    let probe = put("probe.png", charts::probe(data)?)?;
    let summary = put("summary.png", charts::summary(data)?)?;
    let sheets = sheet::sheets(judged, folder)?;
    for (name, bytes) in &sheets {
        folder.write(name, bytes)?;
    }
    if let Some(bytes) = sheet::card(judged, folder)? {
        folder.write(sheet::CARD, &bytes)?;
    }
    Ok(Charts { sheets: sheets.len(), loss, probe, summary })
}

#[cfg(test)]
mod tests {
    use super::{light, write_both};
    use crate::report::fixture;

    #[test]
    fn a_light_report_draws_its_sheets_from_the_originals() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut data = fixture::with_files(fixture::study(), dir.path());
        let sheet = |data: &_, is_light| {
            let out = dir.path().join(if is_light { "light" } else { "whole" });
            write_both(data, None, &out, None, is_light).expect("writes");
            let page = std::fs::read_to_string(out.join("index.html")).expect("is there");
            assert_eq!(page.contains("p00_s0.jpg"), is_light);
            assert_eq!(page.contains("p00_s0.png"), !is_light);
            std::fs::read(out.join("grid.png")).expect("is there")
        };
        let whole = sheet(&data, false);
        light::lighten(&mut data);
        let light = sheet(&data, true);
        assert_eq!(whole, light);
        let image = std::fs::read(dir.path().join("light").join(&data.cells[0].images[0].file)).expect("is there");
        assert!(image.starts_with(b"\xff\xd8\xff"), "a JPEG");
    }
}
