//! The sections of a report, one file each. The page, its navigation and the Markdown file iterate one list.

pub(crate) mod answer;
mod class_images;
mod compare;
mod copying;
mod curves;
mod drift;
mod files;
mod images;
mod judge;
mod keep;
mod likeness;
mod matters;
mod name;
mod numbers;
mod photos;
mod problems;
mod provenance;
mod race;
mod section;
mod settings;
mod use_it;

pub(crate) use section::{Charts, Page, Section};

/// Makes a section; `None` if the study has nothing for it.
type Make = fn(&Page<'_>) -> Option<Section>;

/// Every section, in the order of the page.
const SECTIONS: &[Make] = &[
    images::section,
    matters::section,
    likeness::section,
    curves::section,
    numbers::section,
    keep::section,
    judge::section,
    copying::section,
    photos::section,
    name::section,
    class_images::section,
    drift::section,
    compare::section,
    race::section,
    problems::section,
    settings::section,
    provenance::section,
    files::section,
];

/// The sections that a study has.
pub(crate) fn all(page: &Page<'_>) -> Vec<Section> {
    SECTIONS.iter().filter_map(|make| make(page)).collect()
}
