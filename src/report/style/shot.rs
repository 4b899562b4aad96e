//! One image on a page.

use maud::{Markup, html};

use crate::report::data::Picture;
use crate::report::style::link::href;
use crate::report::style::picture;

/// One image of the page: a link to the full file around the picture shown.
pub(crate) struct Shot<'s> {
    /// Full file.
    pub(crate) file: &'s str,
    /// Its pixels.
    pub(crate) size: (u32, u32),
    /// What it shows.
    pub(crate) alt: String,
    /// The base model's image on the same noise, with its width.
    pub(crate) base: Option<(&'s str, u32)>,
    /// Row and column inside its set.
    pub(crate) at: (usize, usize),
    /// A few words on the image.
    pub(crate) badge: Option<String>,
}

impl Shot<'_> {
    /// The link and the picture.
    pub(crate) fn markup(&self) -> Markup {
        let shown = picture::shown(self.file, self.size.0);
        let class = if self.base.is_some() { "shot swap" } else { "shot" };
        let base = self.base.map(|(file, width)| href(&picture::shown(file, width)));
        let base_full = self.base.map(|(file, _)| href(file));
        html! {
            a class=(class) href=(href(self.file)) data-r=(self.at.0) data-c=(self.at.1) data-base=[base]
                data-base-full=[base_full] {
                img src=(href(&shown)) width=(self.size.0) height=(self.size.1) alt=(self.alt) title=(self.alt)
                    loading="lazy" decoding="async";
                @if let Some(badge) = &self.badge { small { (badge) } }
            }
        }
    }
}

/// A generated image; `what` says which model made it, `base` is the base model's image on the same noise.
pub(crate) fn generated(
    p: &Picture,
    what: &str,
    base: Option<&Picture>,
    at: (usize, usize),
    badge: Option<String>,
) -> Markup {
    Shot {
        file: &p.file,
        size: (p.width, p.height),
        alt: format!("{what}, seed {}: {}", p.seed, p.prompt),
        base: base.map(|b| (b.file.as_str(), b.width)),
        at,
        badge,
    }
    .markup()
}
