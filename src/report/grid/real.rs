//! A few photos of the subject, which stay in view beside its images.

use maud::{Markup, html};

use crate::report::data::StudyData;
use crate::report::naming::subject;
use crate::report::style::shot::{Shot, photo_id};

/// The photos, with those marked that no cell trains on.
pub(super) fn strip(data: &StudyData, set: &str) -> Markup {
    let chosen = subject::photos(data);
    if chosen.is_empty() {
        return html! {};
    }
    html! {
        div.real {
            span.label { "the real one" }
            ul.strip data-set={ "real-" (set) } {
                @for (n, (index, unseen)) in chosen.iter().enumerate() {
                    @if let Some((photo, file)) = data.photos.get(*index).and_then(|p| Some((p, p.file.as_deref()?))) {
                        @let alt = format!("photo {}{}", photo.name, if *unseen { ", never trained on" } else { "" });
                        @let (id, size) = (photo_id(*index), (photo.width, photo.height));
                        @let badge = unseen.then(|| "unseen".to_owned());
                        li { (Shot { id, file, size, alt, base: None, at: (0, n), badge }.markup()) }
                    }
                }
            }
        }
    }
}
