//! The access token: where it comes from, and that no message ever shows it.

use std::path::Path;

/// Longest token file that is read.
const LONGEST: u64 = 64 << 10;

/// An access token, not checked yet. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone)]
pub struct Token {
    text: Option<String>,
    /// What the user set, for messages.
    source: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token(from {})", self.source)
    }
}

impl Token {
    /// A token and what it was read from.
    #[must_use]
    pub fn new(text: &str, source: &str) -> Self {
        Self { text: Some(text.trim().to_owned()), source: source.to_owned() }
    }

    /// The token of an environment variable; `None` if it is not set or empty.
    pub(super) fn from_env(name: &str) -> Option<Self> {
        let value = std::env::var_os(name)?;
        let text = value.to_str().map(|text| text.trim().to_owned());
        (text.as_deref() != Some("")).then(|| Self { text, source: name.to_owned() })
    }

    /// The token that a login has stored; `None` if there is no such file or it is empty.
    pub(super) fn from_file(path: &Path) -> Option<Self> {
        let source = path.display().to_string();
        let text = match crate::files::plain_file::open(path) {
            Ok(file) => std::io::read_to_string(std::io::Read::take(file, LONGEST)).ok(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return None,
            Err(_) => None,
        };
        let text = text.map(|text| text.trim().to_owned());
        (text.as_deref() != Some("")).then_some(Self { text, source })
    }

    /// The header that carries it.
    ///
    /// # Errors
    /// The source and why its text cannot be a token.
    pub(super) fn header(&self) -> Result<String, (String, &'static str)> {
        let wrong = |reason| Err((self.source.clone(), reason));
        match &self.text {
            None => wrong("it cannot be read as text"),
            Some(text) if text.len() > 4096 => wrong("it is longer than 4096 characters"),
            Some(text) if text.contains(['\n', '\r']) => wrong("it has a line end inside"),
            Some(text) if !text.bytes().all(|b| (0x21..0x7f).contains(&b)) => {
                wrong("it has a space, a control character or a letter beyond ASCII")
            }
            Some(text) => Ok(format!("Bearer {text}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_plain_word_and_is_never_shown() {
        let token = |text: &str| Token::new(text, "HF_TOKEN");
        assert_eq!(token(" hf_secret\n").header(), Ok("Bearer hf_secret".to_owned()));
        for text in ["hf_a\nX-Evil: 1", "hf_a\r\nb", "hf a", "hf_é", "hf_\u{0}", &"x".repeat(5000)] {
            let (source, reason) = token(text).header().unwrap_err();
            assert!(source == "HF_TOKEN" && !reason.contains("hf_"), "{text:?}");
        }
        assert!(!format!("{:?}", token("hf_secret")).contains("secret"));
    }

    #[test]
    fn a_stored_token_may_be_missing_empty_or_broken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert!(Token::from_file(&path).is_none());
        std::fs::write(&path, "\n").unwrap();
        assert!(Token::from_file(&path).is_none());
        std::fs::write(&path, "hf_x\n").unwrap();
        assert_eq!(Token::from_file(&path).unwrap().header(), Ok("Bearer hf_x".to_owned()));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(Token::from_file(&path).unwrap().header().is_err());
        assert!(Token::from_file(folder.path()).unwrap().header().is_err());
    }
}
