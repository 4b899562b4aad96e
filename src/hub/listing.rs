//! Which commit a revision is, and which files it has.

use serde::Deserialize;

use super::fault::{Fault, Kind};
use super::limits::Limits;
use super::names;
use super::stream::Stream;

/// A model as the Hub lists it.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) names: Vec<String>,
}

/// The part of the Hub's answer that is read.
#[derive(Deserialize)]
struct Info {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl Listing {
    /// Reads and checks the answer for `revision`.
    pub(super) fn read(
        mut stream: Stream,
        revision: &str,
        limits: &Limits,
        stop: &dyn Fn() -> bool,
    ) -> Result<Self, Fault> {
        let host = stream.answer.host();
        if stream.answer.status != 200 || stream.answer.header("content-encoding").is_some_and(|c| c != "identity") {
            return Err(Fault::new(Kind::Hostile, format!("{host} does not send the list of files as asked")));
        }
        let mut text = Vec::new();
        while let Some(bytes) = stream.next(limits, stop)? {
            text.extend(bytes);
            if text.len() as u64 > limits.listing_bytes {
                let what = format!("{host} sends a list of files of more than {} bytes", limits.listing_bytes);
                return Err(Fault::new(Kind::Hostile, what));
            }
        }
        Self::parse(&text, revision, limits)
            .map_err(|reason| Fault::new(Kind::Hostile, format!("{host} sends a list of files that is none: {reason}")))
    }

    fn parse(text: &[u8], revision: &str, limits: &Limits) -> Result<Self, String> {
        // Nothing of the text is repeated: it may be long, and it is the server's.
        let info: Info = serde_json::from_slice(text).map_err(|e| {
            let what = if e.is_data() { "`sha` or `siblings` is not as the Hub's" } else { "it is not whole JSON" };
            format!("{what} (line {}, column {})", e.line(), e.column())
        })?;
        if !names::is_commit(&info.sha) {
            return Err("the commit is no hash".to_owned());
        }
        if names::is_commit(revision) && info.sha != revision {
            return Err("it is of another commit than asked for".to_owned());
        }
        if info.siblings.len() > limits.listed_files {
            return Err(format!("it has more than {} files", limits.listed_files));
        }
        for (index, Sibling { rfilename }) in info.siblings.iter().enumerate() {
            if let Some(reason) = names::fault(rfilename) {
                return Err(format!("entry {} cannot be a file's name: {reason}", index + 1));
            }
        }
        Ok(Self { commit: info.sha, names: info.siblings.into_iter().map(|file| file.rfilename).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn parse(sha: &str, names: &[&str], revision: &str) -> Result<Listing, String> {
        let siblings: Vec<_> = names.iter().map(|name| serde_json::json!({"rfilename": name, "size": 1})).collect();
        let text = serde_json::json!({"sha": sha, "siblings": siblings, "private": false}).to_string();
        Listing::parse(text.as_bytes(), revision, &Limits { listed_files: 3, ..Limits::default() })
    }

    #[test]
    fn a_list_is_of_the_commit_and_of_files() {
        assert_eq!(parse(COMMIT, &["a", "b/c"], "main").unwrap().names, ["a", "b/c"]);
        assert!(parse(COMMIT, &["a"], COMMIT).is_ok());
        assert!(parse(COMMIT, &["a"], &COMMIT.replace('0', "1")).is_err());
        for sha in ["main", "../../x", "", &COMMIT.to_uppercase()] {
            assert!(parse(sha, &["a"], "main").is_err(), "{sha}");
        }
        assert!(parse(COMMIT, &["a", "b", "c", "d"], "main").is_err());
        let error = parse(COMMIT, &["a", "../\u{1b}[2J"], "main").unwrap_err();
        assert!(error.contains("entry 2"), "{error}");
        let error = Listing::parse(br#"{"sha":"secret","siblings":"secret"}"#, "main", &Limits::default()).unwrap_err();
        assert!(!error.contains("secret"), "{error}");
        for text in ["", "<html>", "[]", "{}", r#"{"sha":1,"siblings":[]}"#, &"[".repeat(100_000)] {
            assert!(Listing::parse(text.as_bytes(), "main", &Limits::default()).is_err());
        }
    }
}
