//! Names that a server chooses. Each is checked before it becomes part of a path.

/// Longest file name with its folders; longer ones are no names of a model's files.
const LONGEST_NAME: usize = 1024;
/// Longest part of a name; most file systems allow no more.
const LONGEST_PART: usize = 255;
/// Names that are devices on Windows, with any ending.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Why a text of the listing cannot be the name of a file in a Git repository, if so. A server that sends one is
/// not to be trusted with the rest either.
pub(super) fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Some("it is empty or longer than 1024 bytes");
    }
    if name.chars().any(|c| c.is_control() || c == '\\') {
        return Some("it has a control character or a backslash");
    }
    let drive = name.as_bytes()[0].is_ascii_alphabetic() && name.as_bytes().get(1) == Some(&b':');
    if name.starts_with('/') || drive {
        return Some("it is an absolute path");
    }
    let part = |part: &str| part.is_empty() || part == "." || part == ".." || part.len() > LONGEST_PART;
    name.split('/').any(part).then_some("a part of it is empty, `.`, `..` or longer than 255 bytes")
}

/// Whether a text may be a part of a path on every system: letters, digits and `._-`, not hidden, no device.
pub(super) fn is_plain_part(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).to_ascii_lowercase();
    let numbered = ["com", "lpt"].iter().any(|port| stem.strip_prefix(port).is_some_and(|n| n.len() == 1));
    !part.is_empty()
        && part.len() <= LONGEST_PART
        && !part.starts_with(['.', '-'])
        && !part.ends_with('.')
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !numbered
        && !DEVICES.contains(&stem.as_str())
}

/// Whether a text is the hash of a commit, as the Hub writes it.
pub(super) fn is_commit(text: &str) -> bool {
    is_hex(text, 40)
}

/// Whether a text is a number of that many digits to the base 16, in small letters.
pub(super) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The name of the file in the cache for an ETag, or `None` if the ETag cannot be a name.
pub(super) fn from_etag(etag: &str) -> Option<String> {
    let etag = etag.trim();
    let etag = etag.strip_prefix("W/").unwrap_or(etag);
    let etag = etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(etag);
    // Dots are left out: the cache puts its own endings behind the name.
    let fine = is_plain_part(etag) && etag.len() <= 128 && !etag.contains('.');
    let small = etag.to_ascii_lowercase();
    let hash = is_hex(&small, 40) || is_hex(&small, 64);
    fine.then(|| if hash { small } else { etag.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_folder_are_faults() {
        for name in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a//b",
            "a/",
            "./a",
            "C:\\x",
            "C:/x",
            "a\\b",
            "a\nb",
            "a\0b",
            "a\u{1b}[2J",
            &"x".repeat(256),
            &"a/".repeat(600),
        ] {
            assert!(fault(name).is_some(), "{name:?}");
        }
        for name in ["README.md", ".gitattributes", "images/Grüße aus Köln.png", "unet/config.json", "a..b", "nul.txt"]
        {
            assert_eq!(fault(name), None, "{name:?}");
        }
    }

    #[test]
    fn an_etag_becomes_a_name_or_nothing() {
        let (git, sha) = ("0123456789abcdef0123456789abcdef01234567", "ab".repeat(32));
        assert_eq!(from_etag(&format!("\"{git}\"")).as_deref(), Some(git));
        assert_eq!(from_etag(&format!("W/\"{sha}\"")), Some(sha.clone()));
        assert_eq!(from_etag(&sha.to_uppercase()), Some(sha));
        assert_eq!(from_etag("\"a1-2\"").as_deref(), Some("a1-2"));
        for etag in [
            "",
            "\"\"",
            "..",
            "../../x",
            "/etc/x",
            "C:x",
            "a/b",
            "a\\b",
            "a.incomplete",
            "a.lock",
            "NUL",
            "com1",
            "-x",
            "a b",
            "é",
            "\"a\"b\"",
            &"x".repeat(129),
        ] {
            assert_eq!(from_etag(etag), None, "{etag:?}");
        }
    }

    #[test]
    fn devices_are_no_names() {
        for part in ["con", "AUX.json", "Lpt9.x.y", "nul", "x.", ".x"] {
            assert!(!is_plain_part(part), "{part}");
        }
        assert!(is_plain_part("config.json") && is_plain_part("console") && is_plain_part("com12"));
    }
}
