//! The images of the study's prompts, base model against every cell.

use maud::html;

use super::section::{Page, Section};
use crate::report::data::{Group, StudyData};
use crate::report::finding::from_noise;
use crate::report::grid::{self, Compare};
use crate::report::sheet;
use crate::report::tables::closeness;

/// The comparison grid.
pub(super) fn section(page: &Page<'_>) -> Option<Section> {
    let data = page.data;
    let html = html! {
        h2 { "The images" }
        p {
            (from_noise(data).0)
            @if marked(data) {
                " A mark “≈ photo” says that the adapter brought an image nearer to one training photo than other real "
                "photos of the subject are."
            }
        }
        (grid::markup(&Compare::new(data, Group::Prompt, "main", "Images of the prompts")))
    };
    let image = |name: String| format!("![The base model and every condition, for each prompt and seed]({name})");
    let markdown = sheet::names(page.charts.sheets).map(image).collect::<Vec<_>>().join("\n\n");
    Some(Section { id: "images", title: "Images", html, markdown })
}

/// Whether any image is marked as close to a photo.
fn marked(data: &StudyData) -> bool {
    data.cells.iter().any(|cell| closeness::close_images(cell) > 0)
}
