//! File names as links.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything that has a meaning in a link is %-encoded; `/` stands between folders.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A relative file name as a link.
pub(crate) fn href(file: &str) -> String {
    utf8_percent_encode(file, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_percent_encoded() {
        assert_eq!(href("images/a b=é/p#0?.png"), "images/a%20b%3D%C3%A9/p%230%3F.png");
    }
}
