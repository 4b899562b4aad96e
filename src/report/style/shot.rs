//! One image on a page.
//!
//! Every image of the page is `<a href=FULL data-id=ID>` around the picture shown; without `href` the picture shown is
//! the full file. Scripts may replace these in place, so the large view reads them when it opens. A square picture
//! states no size: the style says that pictures are square.
//!
//! | ID | what it is |
//! |---|---|
//! | `c2-p0-s1` | an image of cell 2: prompt 0, seed 1; `d` is a prompt of the drift, `n` of the name |
//! | `b0-p0-s1` | the image of base model 0 on the same noise |
//! | `k0-c0-s1` | a class image |
//! | `f3` | photo 3 |
//! | `o2-p0-s1` | an image of cell 2 of the study that stands beside this one |

use maud::{Markup, html};

use crate::report::data::{Group, PhotoData, Picture};
use crate::report::style::link::href;
use crate::report::style::picture;

/// Which set of the study an image belongs to, with the set's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// A cell.
    Cell(usize),
    /// A set of the base model's images.
    Baseline(usize),
    /// A set of class images.
    Class(usize),
    /// A cell of the study that stands beside this one.
    Other(usize),
}

impl Of {
    /// What an image of the set is called on the page and in `cells.json`.
    pub(crate) fn id(self, picture: &Picture) -> String {
        let set = match self {
            Self::Cell(index) => format!("c{index}"),
            Self::Baseline(index) => format!("b{index}"),
            Self::Class(index) => format!("k{index}"),
            Self::Other(index) => format!("o{index}"),
        };
        let group = match picture.group {
            Group::Prompt => 'p',
            Group::Drift => 'd',
            Group::Baseline => 'n',
            Group::Class => 'c',
        };
        format!("{set}-{group}{}-s{}", picture.prompt_index, picture.seed)
    }
}

/// What a photo is called on the page and in `cells.json`; the index is its place in the study's photos.
pub(crate) fn photo_id(index: usize) -> String {
    format!("f{index}")
}

/// One image of the page: a link to the full file around the picture shown.
pub(crate) struct Shot<'s> {
    /// What it is called: [`Of::id`] or [`photo_id`].
    pub(crate) id: String,
    /// Full file.
    pub(crate) file: &'s str,
    /// Its pixels.
    pub(crate) size: (u32, u32),
    /// What it shows.
    pub(crate) alt: String,
    /// A few words on the image.
    pub(crate) badge: Option<String>,
}

impl Shot<'_> {
    /// The link and the picture.
    pub(crate) fn markup(&self) -> Markup {
        let shown = picture::shown(self.file, self.size.0);
        let (width, height) = self.size;
        let oblong = width != height;
        html! {
            // A picture that is shown whole needs no second name: the script makes the link to it.
            a href=[(shown != self.file).then(|| href(self.file))] data-id=(self.id) {
                img src=(href(&shown)) width=[oblong.then_some(width)] height=[oblong.then_some(height)] alt=(self.alt)
                    loading="lazy";
                @if let Some(badge) = &self.badge { small { (badge) } }
            }
        }
    }
}

impl<'s> Shot<'s> {
    /// A photo of the subject; `None` if it has no file in the report.
    pub(crate) fn photo(index: usize, photo: &'s PhotoData, alt: String) -> Option<Self> {
        let file = photo.file.as_deref()?;
        Some(Self { id: photo_id(index), file, size: (photo.width, photo.height), alt, badge: None })
    }

    /// A generated image; `what` says which model made it. Its words are seed and prompt, too.
    pub(crate) fn generated(p: &'s Picture, of: Of, what: &str) -> Self {
        let alt = format!("{what}, seed {}: {}", p.seed, p.prompt);
        Self { id: of.id(p), file: &p.file, size: (p.width, p.height), alt, badge: None }
    }

    /// A generated image in a long list, where a prompt is told by its number, counted from 1.
    pub(crate) fn by_number(p: &'s Picture, of: Of, what: &str) -> Self {
        let alt = format!("{what}, prompt {}, seed {}", p.prompt_index + 1, p.seed);
        Self { alt, ..Self::generated(p, of, what) }
    }

    /// A generated image that stands below its prompt, so that its words leave that out.
    pub(crate) fn below_prompt(p: &'s Picture, of: Of, what: &str) -> Self {
        Self { alt: format!("{what}, seed {}", p.seed), ..Self::generated(p, of, what) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_their_own_names() {
        let picture = |group| Picture { group, prompt_index: 1, seed: 7, ..Picture::default() };
        assert_eq!(Of::Cell(2).id(&picture(Group::Prompt)), "c2-p1-s7");
        assert_eq!(Of::Cell(2).id(&picture(Group::Drift)), "c2-d1-s7");
        assert_eq!(Of::Baseline(0).id(&picture(Group::Baseline)), "b0-n1-s7");
        assert_eq!(Of::Class(0).id(&picture(Group::Class)), "k0-c1-s7");
    }
}
