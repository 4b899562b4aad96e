//! How a report looks: the frame of a page, images, lists, links, Markdown, charts and the text in pictures.

pub(crate) mod chart;
mod chart_lines;
mod chart_png;
mod chart_svg;
pub(crate) mod copy;
pub(crate) mod definitions;
pub(crate) mod dots;
pub(crate) mod font;
pub(crate) mod link;
pub(crate) mod markdown;
pub(crate) mod page;
pub(crate) mod picture;
pub(crate) mod scale;
pub(crate) mod shot;
pub(crate) mod xml;
