//! Cells whose images are of one colour or noise.

use crate::report::data::{CellData, StudyData};
use crate::report::titles;
use crate::text::count;

/// Says which cells have collapsed images, and how many.
pub(super) fn notes(data: &StudyData) -> Vec<String> {
    let note = |cell: &CellData| {
        let images = cell.prompt_images();
        let collapsed = (cell.value("collapsed")? * images as f64).round() as usize;
        let which = if collapsed == images { "All".to_owned() } else { format!("{collapsed} of") };
        (collapsed > 0).then(|| {
            let title = titles::full_title(data, cell);
            format!("{which} {} of {title} have collapsed: they are of one colour or noise.", count(images, "image"))
        })
    };
    data.cells.iter().filter_map(note).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn collapsed_images_are_counted() {
        let mut data = fixture::study();
        assert!(notes(&data).is_empty());
        let images = data.cells[0].prompt_images();
        for (share, words) in [(0.5, format!("{} of {images} images of", images / 2)), (1.0, "All".to_owned())] {
            data.cells[0].metrics.as_mut().expect("measured").insert("collapsed".into(), share);
            assert!(notes(&data)[0].starts_with(&words), "{:?}", notes(&data));
        }
    }
}
