//! The photos that cells train on and hold out.

use std::collections::BTreeSet;
use std::path::Path;

use crate::experiment::sentence;
use crate::records::photos::{self, PhotoList, crop_file, short};
use crate::report::data::{PhotoData, ReportFile, SkippedFile};
use crate::report::error::ReportError;
use crate::stage::Stage;

use super::collector::{Collector, json};

impl Collector<'_> {
    /// The indices of photos; a photo that is not listed yet is added.
    pub(super) fn photos(
        &mut self,
        job: Option<usize>,
        side: usize,
        hashes: &[String],
    ) -> Result<Vec<usize>, ReportError> {
        let job = job.filter(|j| self.artifact(*j).is_some());
        if let Some(j) = job
            && !self.photos.keys().any(|(seen, _)| *seen == Some(j))
        {
            self.list_photos(j, side)?;
        }
        let mut out = Vec::with_capacity(hashes.len());
        for full in hashes {
            let hash = short(full).to_owned();
            let next = self.data.photos.len();
            let index = *self.photos.entry((job, hash.clone())).or_insert(next);
            if index == next {
                let name = self.plan.photo_names.get(full).cloned().unwrap_or_else(|| hash.clone());
                self.data.photos.push(PhotoData { name, hash, ..PhotoData::default() });
            }
            out.push(index);
        }
        Ok(out)
    }

    /// Lists every photo of a prepare artifact that some cell uses.
    fn list_photos(&mut self, job: usize, side: usize) -> Result<(), ReportError> {
        let Some(artifact) = self.artifact(job) else { return Ok(()) };
        let list: PhotoList = json(artifact, photos::FILE)?;
        let cells = || self.plan.cells.iter().filter(|c| c.jobs.one(Stage::Prepare) == Some(&job));
        let used = |hash: &String| cells().any(|c| c.train_photos.contains(hash) || c.held_out_photos.contains(hash));
        let earlier = self.photos.keys().filter_map(|(j, _)| *j).collect::<BTreeSet<_>>().len();
        let folder = if earlier == 0 { "photos".to_owned() } else { format!("photos-{}", earlier + 1) };
        let side = u32::try_from(side).unwrap_or(u32::MAX);
        let (mut photos, mut files) = (Vec::new(), Vec::new());
        for photo in list.photos.into_iter().filter(|p| used(&p.hash)) {
            let hash = short(&photo.hash).to_owned();
            let to = format!("{folder}/{hash}.png");
            files.push(ReportFile { to: to.clone(), from: artifact.file(&crop_file(&photo.hash))? });
            let (name, caption) = (photo.name, photo.caption);
            photos.push(PhotoData { hash, name, file: Some(to), width: side, height: side, caption });
        }
        for skipped in list.skipped {
            let name = Path::new(&skipped.path).file_name().map(|n| n.to_string_lossy().into_owned());
            let file = SkippedFile { name: name.unwrap_or_default(), reason: sentence(&skipped.reason) };
            if !self.data.skipped.contains(&file) {
                self.data.skipped.push(file);
            }
        }
        for photo in photos {
            self.photos.insert((Some(job), photo.hash.clone()), self.data.photos.len());
            self.data.photos.push(photo);
        }
        self.data.files.extend(files);
        Ok(())
    }
}
