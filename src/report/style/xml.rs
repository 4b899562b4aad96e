//! Drawings as parts of a page.

use maud::{Markup, PreEscaped};

/// Elements of a drawing that may have nothing inside.
const EMPTY: [&str; 3] = ["line", "circle", "path"];

/// The same drawing with `/>` at the end of empty elements, which is shorter. Quotes in texts and values are escaped,
/// so `"></line>` is always such an end.
pub(crate) fn closed(drawing: Markup) -> Markup {
    let close = |text: String, name: &&str| text.replace(&format!("\"></{name}>"), "\"/>");
    PreEscaped(EMPTY.iter().fold(drawing.into_string(), close))
}

/// Whether every element is closed, in the right order, and every attribute is `name="value"`.
#[cfg(test)]
pub(crate) fn well_formed(xml: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        let tag = &rest[start + 1..];
        let end = tag.find('>').ok_or("a tag without its end")?;
        let (tag, after) = (&tag[..end], &tag[end + 1..]);
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(last) if last == name => {}
                last => return Err(format!("</{name}> closes {last:?}")),
            }
            continue;
        }
        let name = tag.split_whitespace().next().unwrap_or_default();
        let name = name.trim_end_matches('/');
        if tag.contains('<') || name.is_empty() || tag.matches('"').count() != 2 * tag.matches("=\"").count() {
            return Err(format!("odd tag <{tag}>"));
        }
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stay open")) }
}
