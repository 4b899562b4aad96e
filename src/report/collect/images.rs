//! `images.json` of an artifact → pictures with sensible file names.

use crate::records::images::{FILE, Group, ImageList, ImageName};
use crate::report::data::{ImageSet, Picture, ReportFile};
use crate::report::error::ReportError;
use crate::stage::Stage;
use crate::store::Artifact;

use super::collector::{Collector, json};
use super::settings;

/// The images of an artifact under `images/<folder>/` of the report, and what to copy.
pub(super) fn read(artifact: &Artifact, folder: &str) -> Result<(Vec<Picture>, Vec<ReportFile>), ReportError> {
    let list: ImageList = json(artifact, FILE)?;
    let pixels = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let (mut pictures, mut files) = (Vec::new(), Vec::new());
    for entry in &list.images {
        let (width, height) = list.size(entry);
        let Some(file) = place(&entry.file, folder) else {
            let reason = format!("`{}` is not the name of a generated image", entry.file);
            return Err(ReportError::Content { path: artifact.dir.join(FILE), reason });
        };
        files.push(ReportFile { to: file.clone(), from: artifact.file(&entry.file)? });
        pictures.push(Picture {
            file,
            width: pixels(width),
            height: pixels(height),
            prompt: entry.prompt.clone(),
            prompt_index: entry.prompt_index,
            seed: entry.seed,
            group: entry.group,
            ..Picture::default()
        });
    }
    Ok((pictures, files))
}

impl Collector<'_> {
    /// The distinct jobs of a stage with their images.
    pub(super) fn sets(&mut self, stage: Stage, folder: &str) -> Result<Vec<(usize, ImageSet)>, ReportError> {
        let mut jobs: Vec<usize> = Vec::new();
        for job in self.plan.cells.iter().filter_map(|c| c.jobs.one(stage)) {
            if !jobs.contains(job) {
                jobs.push(*job);
            }
        }
        let several = jobs.len() > 1;
        let mut sets = Vec::new();
        for (i, job) in jobs.into_iter().enumerate() {
            let folder = if i == 0 { folder.to_owned() } else { format!("{folder}-{}", i + 1) };
            let cells: Vec<usize> =
                (0..self.plan.cells.len()).filter(|c| self.plan.cells[*c].jobs.one(stage) == Some(&job)).collect();
            let mut set = ImageSet {
                label: if several { settings::common(self.plan, &cells) } else { String::new() },
                cells,
                problem: self.problem(job),
                ..ImageSet::default()
            };
            if let Some(artifact) = self.artifact(job) {
                let (pictures, files) = read(artifact, &folder)?;
                set.images = pictures;
                self.data.files.extend(files);
            }
            sets.push((job, set));
        }
        Ok(sets)
    }
}

/// Where an image of an artifact goes: `images/prompt_01_7.png` → `images/<folder>/p01_s7.png`; other groups have their
/// name in front.
pub(super) fn place(stored: &str, folder: &str) -> Option<String> {
    let ImageName { group, prompt_index, seed } = ImageName::parse(stored)?;
    let prefix = match group {
        Group::Prompt | Group::Class => "",
        Group::Baseline => "name_",
        Group::Drift => "drift_",
    };
    Some(format!("images/{folder}/{prefix}p{prompt_index:02}_s{seed}.png"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_prompt_and_seed() {
        let file = |stored: &str| place(stored, "size-5");
        assert_eq!(file("images/prompt_01_7.png").as_deref(), Some("images/size-5/p01_s7.png"));
        assert_eq!(file("images/drift_00_3.png").as_deref(), Some("images/size-5/drift_p00_s3.png"));
        assert_eq!(file("images/baseline_123_3.png").as_deref(), Some("images/size-5/name_p123_s3.png"));
        for bad in ["images/other_00_1.png", "prompt_00_1.png", "images/prompt_00_x.png", "images/../prompt_0_1.png"] {
            assert_eq!(file(bad), None, "{bad}");
        }
    }
}
