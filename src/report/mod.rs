//! From the store to something people look at: HTML, PNG, CSV and Markdown. Never touches a model.
//!
//! Everything but `cost.html` and `cost.csv` is byte-identical whenever the stored artifacts are.

mod chart;
mod collect;
mod copying;
mod cost;
mod csv;
pub mod data;
mod files;
mod finding;
#[cfg(test)]
mod fixture;
mod font;
mod grid_png;
mod html;
mod layout;
mod markdown;
mod owner;
mod picture;
mod plots;
mod words;

use std::path::{Path, PathBuf};

pub use collect::collect;
pub use data::StudyData;
use files::Folder;
use html::Charts;
pub use owner::Owner;

use crate::plan::Plan;
use crate::store::Store;

/// Why a report cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file or folder of the report cannot be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of the store cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A stored list does not say what it should.
    #[error("{path}: {reason}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An image of the store is damaged.
    #[error("{name} is not a readable image: {reason}")]
    Image {
        /// Relative to the report.
        name: String,
        /// What the decoder says.
        reason: String,
    },
    /// A name that would leave the report folder.
    #[error("`{0}` is not the name of a file inside the report")]
    Name(String),
    /// A link stands where the report has a folder of its own.
    #[error("{} is a link, where the report has a folder; move it away and run again", .0.display())]
    Link(PathBuf),
    /// The folder holds the report of another experiment.
    #[error(
        "{folder} holds the report of another experiment file, {other}; change `name` in {experiment}, or replace that \
         report with --replace", folder = folder.display()
    )]
    Taken {
        /// The report folder.
        folder: PathBuf,
        /// The experiment file that wrote it.
        other: String,
        /// The experiment file that would write it.
        experiment: String,
    },
    /// A picture cannot be drawn.
    #[error("cannot draw {name}: {reason}")]
    Draw {
        /// Relative to the report.
        name: &'static str,
        /// What the plotting library says.
        reason: String,
    },
}

impl ReportError {
    fn write(path: &Path, source: std::io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }
}

/// Collects a study from the store and writes its report folder.
///
/// One process at a time: of two runners on one study, the later report sees all that the earlier one saw.
/// A report of another experiment is left alone, unless the owner may replace it.
pub fn build(plan: &Plan, store: &Store, out: &Path, owner: &Owner) -> Result<StudyData, ReportError> {
    let path = store.root().join(format!(".report-{}.lock", plan.name));
    if path.symlink_metadata().is_ok_and(|meta| !meta.is_file()) {
        // A pipe would be waited for; what else it is, it is not ours.
        let _ = std::fs::remove_file(&path);
    }
    // A store that cannot be written to has no second writer either.
    let lock = std::fs::File::create(&path).ok();
    if let Some(lock) = &lock {
        lock.lock().map_err(|source| ReportError::write(&path, source))?;
    }
    owner.check(out)?;
    let data = collect(plan, store)?;
    write(&data, out, Some(owner))?;
    Ok(data)
}

/// Writes the report folder: everything that `data` describes and nothing else.
///
/// Files are replaced one by one, each by a rename; files of an earlier report that are no longer part
/// of this one are removed, other files are left alone.
pub fn write(data: &StudyData, out: &Path, owner: Option<&Owner>) -> Result<(), ReportError> {
    let mut folder = Folder::open(out)?;
    if let Some(owner) = owner {
        owner.write(&mut folder)?;
    }
    for file in &data.files {
        folder.copy(&file.to, &file.from)?;
    }
    thumbnails(data, &mut folder)?;
    let charts = charts(data, &mut folder)?;
    folder.write("loss.csv", &csv::stacked(data, |c| &c.loss))?;
    folder.write("probe.csv", &csv::stacked(data, |c| &c.probe))?;
    folder.write("cells.csv", &csv::cells(data))?;
    folder.write("cost.csv", &csv::costs(data))?;
    folder.write("cost.html", cost::page(data).as_bytes())?;
    folder.write("report.md", markdown::page(data, charts).as_bytes())?;
    folder.write("index.html", html::index(data, charts).as_bytes())?;
    folder.finish()
}

/// Small copies of wide images.
fn thumbnails(data: &StudyData, folder: &mut Folder) -> Result<(), ReportError> {
    let sets = data.baselines.iter().chain(&data.class_images).map(|s| &s.images);
    let images = data.cells.iter().map(|c| &c.images).chain(sets).flatten().map(|p| (p.file.as_str(), p.width));
    let photos = data.photos.iter().filter_map(|p| Some((p.file.as_deref()?, p.width)));
    for (file, width) in images.chain(photos).filter(|(_, width)| *width > picture::THUMBNAIL) {
        let image = picture::decode(file, &folder.read(file)?)?;
        folder.write(&picture::shown(file, width), &picture::thumbnail(file, &image)?)?;
    }
    Ok(())
}

fn charts(data: &StudyData, folder: &mut Folder) -> Result<Charts, ReportError> {
    let mut put = |name: &str, bytes: Option<Vec<u8>>| match bytes {
        Some(bytes) => {
            let size = picture::decode(name, &bytes)?.dimensions();
            folder.write(name, &bytes).map(|()| Some(size))
        }
        None => Ok(None),
    };
    let loss = put("loss.png", plots::loss(data)?)?;
    let probe = put("probe.png", plots::probe(data)?)?;
    let summary = put("summary.png", plots::summary(data)?)?;
    let sheet = grid_png::draw(data, folder)?;
    let grid = sheet.is_some();
    if let Some(bytes) = sheet {
        folder.write("grid.png", &bytes)?;
    }
    Ok(Charts { grid, loss, probe, summary })
}

#[cfg(test)]
mod tests;
