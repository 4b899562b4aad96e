//! The start tags of a page that this program has written: attributes stand in double quotes, as maud writes them.

/// A part of a page.
pub(crate) enum Piece<'p> {
    /// A start tag.
    Start(Tag<'p>),
    /// Everything else, as it is.
    Text(&'p str),
}

/// A start tag.
pub(crate) struct Tag<'p> {
    /// Its name.
    pub(crate) name: &'p str,
    /// Names and escaped values; `None` where there is no value.
    attributes: Vec<(&'p str, Option<String>)>,
    /// What stands behind the attributes: `>` or `/>`.
    end: &'p str,
}

impl Tag<'_> {
    /// The value of an attribute.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        let (_, value) = self.attributes.iter().find(|(own, _)| *own == name)?;
        let value = value.clone().unwrap_or_default();
        Some(value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    }

    /// Removes an attribute.
    pub(crate) fn remove(&mut self, name: &str) {
        self.attributes.retain(|(own, _)| *own != name);
    }

    /// Writes the tag.
    pub(crate) fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(self.name);
        for (name, value) in &self.attributes {
            out.push(' ');
            out.push_str(name);
            if let Some(value) = value {
                out.push_str(&format!("=\"{value}\""));
            }
        }
        out.push_str(self.end);
    }
}

impl<'p> Tag<'p> {
    /// Gives an attribute a value.
    pub(crate) fn set(&mut self, name: &'p str, value: &str) {
        let escaped = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        match self.attributes.iter_mut().find(|(own, _)| *own == name) {
            Some((_, old)) => *old = Some(escaped),
            None => self.attributes.push((name, Some(escaped))),
        }
    }

    /// Reads the tag that the text begins with, and returns what stands behind it; `None` if it begins with none.
    fn read(text: &'p str) -> Option<(Self, &'p str)> {
        let rest = text.strip_prefix('<')?;
        let length = rest.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/')?;
        let (name, mut rest) = rest.split_at(length);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_ascii_start();
            for end in [">", "/>"] {
                if let Some(behind) = rest.strip_prefix(end) {
                    return Some((Self { name, attributes, end }, behind));
                }
            }
            let length = rest.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '=').filter(|n| *n > 0)?;
            let (own, behind) = rest.split_at(length);
            rest = behind;
            let value = match rest.strip_prefix("=\"") {
                Some(quoted) => {
                    let (value, behind) = quoted.split_once('"')?;
                    rest = behind;
                    Some(value.to_owned())
                }
                None => None,
            };
            attributes.push((own, value));
        }
    }
}

/// A page in pieces. What stands inside of scripts and styles is text.
pub(crate) fn pieces(page: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let (mut rest, mut text) = (page, page);
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let Some((tag, behind)) = Tag::read(rest) else {
            rest = &rest[1..];
            continue;
        };
        out.push(Piece::Text(&text[..text.len() - rest.len()]));
        let raw = matches!(tag.name, "script" | "style").then(|| format!("</{}", tag.name));
        out.push(Piece::Start(tag));
        text = behind;
        rest = &behind[raw.and_then(|end| behind.find(&end)).unwrap_or(0)..];
    }
    out.push(Piece::Text(text));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use maud::html;

    #[test]
    fn a_page_is_put_together_as_it_was() {
        let evil = "<img src=\"x\"> & '</script>' \"";
        let page = html! {
            p title=(evil) hidden { (evil) } img src="a.png" alt=(evil);
            script { "if (a < b) x = '<img src=\"y\">';" }
        };
        let page = page.into_string() + "<svg><path d=\"M0\"/></svg> 1 < 2";
        let mut out = String::new();
        let mut names = Vec::new();
        for piece in pieces(&page) {
            match piece {
                Piece::Start(tag) => {
                    names.push(tag.name);
                    tag.write(&mut out);
                }
                Piece::Text(text) => out.push_str(text),
            }
        }
        assert_eq!(out, page);
        assert_eq!(names, ["p", "img", "script", "svg", "path"]);
    }

    #[test]
    fn values_are_read_and_set() {
        let page = "<img src=\"a&amp;b.png\" hidden>";
        let pieces = pieces(page);
        let Some(Piece::Start(tag)) = pieces.into_iter().nth(1) else { panic!("no tag") };
        let mut tag = tag;
        assert_eq!((tag.value("src").as_deref(), tag.value("alt")), (Some("a&b.png"), None));
        tag.set("src", "\"<>&");
        tag.set("alt", "x");
        tag.remove("hidden");
        let mut out = String::new();
        tag.write(&mut out);
        assert_eq!(out, "<img src=\"&quot;&lt;&gt;&amp;\" alt=\"x\">");
    }
}
