//! For tests: is a drawing what a browser expects?

/// Whether every element is closed, in the right order, and every attribute is `name="value"`.
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
        if tag.contains('<') || name.is_empty() || tag.matches('"').count() != 2 * tag.matches("=\"").count() {
            return Err(format!("odd tag <{tag}>"));
        }
        open.push(name);
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stay open")) }
}
