//! The top of a sheet: the subject, the question, the answer, and how the images were made.

use image::RgbImage;

use super::arrange::{GAP, MARGIN};
use super::paint::{INK, SOFT, Text, place, rule};
use crate::report::data::StudyData;
use crate::report::finding::{Judged, finding, from_noise};
use crate::report::naming::titles;

/// Side of a photo of the subject.
const PHOTO: u32 = 168;
/// Space between the photos and the texts, and between texts.
const SPACE: u32 = 20;
const SMALL: f32 = 14.0;

/// What the top of every sheet says.
pub(super) struct Header {
    title: String,
    finding: String,
    legend: String,
    /// The photos of the subject, and what is said below them.
    photos: Vec<RgbImage>,
    caption: String,
}

impl Header {
    /// The texts of a study, with its photos as they were read.
    pub(super) fn new(judged: &Judged<'_>, photos: Vec<RgbImage>, trainings: usize) -> Self {
        let data = judged.data;
        let caption = match (photos.len(), data.photos.len()) {
            (shown, all) if shown == all => "the real subject".to_owned(),
            (shown, all) => format!("the real subject: {shown} of {all} photos"),
        };
        Self {
            title: titles::study_title(data).to_owned(),
            finding: finding(judged).lead,
            legend: legend(data, trainings),
            photos,
            caption,
        }
    }

    fn photos_width(&self) -> u32 {
        let count = self.photos.len() as u32;
        if count == 0 { 0 } else { count * (PHOTO + GAP) - GAP + SPACE }
    }

    fn texts(&self, width: u32, sheet: &str) -> [Text; 3] {
        let room = width.saturating_sub(2 * MARGIN + self.photos_width());
        let legend = [self.legend.as_str(), sheet].iter().filter(|t| !t.is_empty()).copied().collect::<Vec<_>>();
        [
            Text::new(&self.title, 30.0, INK, room, 3),
            Text::new(&self.finding, 20.0, INK, room, 4),
            Text::new(&legend.join(" · "), SMALL, SOFT, room, 4),
        ]
    }

    /// Its height on a sheet of this width.
    pub(super) fn height(&self, width: u32) -> u32 {
        // The number of a sheet may need a line more than these words.
        let texts = self.texts(width, "sheet 99 of 99");
        let texts: u32 = texts.iter().map(|text| text.height() + SPACE / 2).sum();
        let photos = if self.photos.is_empty() { 0 } else { PHOTO + 26 };
        MARGIN + texts.max(photos) + SPACE
    }

    /// Draws it; `sheet` says which of several sheets this is.
    pub(super) fn draw(&self, image: &mut RgbImage, sheet: &str) {
        for (i, photo) in self.photos.iter().enumerate() {
            place(image, photo, (MARGIN + i as u32 * (PHOTO + GAP), MARGIN), (PHOTO, PHOTO));
        }
        if !self.photos.is_empty() {
            let room = self.photos_width() - SPACE;
            Text::new(&self.caption, SMALL, SOFT, room, 1).draw(image, (MARGIN, MARGIN + PHOTO + 4));
        }
        let left = MARGIN + self.photos_width();
        let mut y = MARGIN - 4;
        for text in self.texts(image.width(), sheet) {
            text.draw(image, (left, y));
            y += text.height() + SPACE / 2;
        }
        let bottom = self.height(image.width()) - SPACE / 2;
        rule(image, (MARGIN, bottom), image.width() - 2 * MARGIN);
    }
}

/// Study, model and sampler, as far as they are the same in every cell, and what is shown of repeats.
fn legend(data: &StudyData, trainings: usize) -> String {
    let fixed = |key: &str| data.fixed.iter().find(|s| s.key == key).map(|s| s.value.as_str());
    let mut parts = vec![data.name.clone()];
    parts.extend(fixed("model.base").map(|v| format!("base {v}")));
    parts.extend(fixed("train.steps").map(|v| format!("trained {v} {}", steps(v))));
    parts.extend(fixed("train.rank").map(|v| format!("rank {v}")));
    parts.extend(fixed("generate.sampler").map(str::to_owned));
    let unusual = |key: &str, usual: &str| fixed(key).filter(|value| *value != usual);
    parts.extend(unusual("generate.sigmas", "model").map(|v| format!("{v} levels")));
    parts.extend(unusual("generate.timestep_spacing", "model").map(|v| format!("{v} spacing")));
    parts.extend(fixed("generate.steps").map(|v| format!("{v} {}", steps(v))));
    parts.extend(fixed("generate.guidance_scale").map(|v| format!("guidance {v}")));
    parts.push(from_noise(data).1.to_owned());
    if trainings > 1 {
        parts.push(format!("images of the first of {trainings} trainings"));
    }
    parts.join(" · ")
}

fn steps(count: &str) -> &'static str {
    if count == "1" { "step" } else { "steps" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;

    #[test]
    fn the_header_says_the_answer_and_how_images_were_made() {
        let data = fixture::study();
        let header = Header::new(&judged(&data), vec![RgbImage::new(8, 8); 3], 2);
        assert_eq!(header.caption, "the real subject: 3 of 8 photos");
        assert!(!header.finding.is_empty());
        for part in ["shinchan", "base models/toyworld", "rank 4", "dpm++2m", "25 steps", "first of 2 trainings"] {
            assert!(header.legend.contains(part), "{part}: {}", header.legend);
        }
        let [title, ..] = header.texts(2000, "");
        assert_eq!(title.lines.join(" "), data.title, "a title is wrapped, not cut");
        assert!(header.height(960) >= header.height(2000));
    }
}
