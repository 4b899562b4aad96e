//! `votes.csv`: what a person answered in the blind test. The page offers it as a file, and `runner report --votes`
//! reads it back.

use std::path::Path;

use crate::files::plain_file;
use crate::report::data::{Choice, HASH_DIGITS, Vote, Voted};
use crate::report::error::ReportError;
use crate::report::files::csv::Writer;

/// The name of the file in the report.
pub(crate) const FILE: &str = "votes.csv";
/// Its columns.
const COLUMNS: [&str; 7] = ["left", "right", "prompt_index", "seed", "left_image", "right_image", "vote"];
/// A vote has some hundred bytes; nobody gives so many.
const MOST_BYTES: u64 = 4 << 20;

/// Reads a file that the page made, and that anybody may have edited since.
///
/// # Errors
/// A file that cannot be read, is too large, or says something else than votes; the message names the line.
pub fn read_votes(path: &Path) -> Result<Vec<Vote>, ReportError> {
    let bytes = plain_file::read(path, MOST_BYTES).map_err(|source| ReportError::read(path, source))?;
    parse(&bytes).map_err(|reason| ReportError::Content { path: path.to_owned(), reason })
}

fn parse(bytes: &[u8]) -> Result<Vec<Vote>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    // Spreadsheets put a mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|error| error.to_string())?;
    if head.iter().map(str::trim).ne(COLUMNS) {
        return Err(format!("line 1: expected the columns {}, with commas between them", COLUMNS.join(",")));
    }
    let mut votes = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| error.to_string())?;
        let line = row.position().map_or(0, csv::Position::line);
        votes.push(vote(&row).map_err(|reason| format!("line {line}: {reason}"))?);
    }
    Ok(votes)
}

fn vote(row: &csv::StringRecord) -> Result<Vote, String> {
    let fields: Vec<&str> = row.iter().collect();
    let [left, right, prompt_index, seed, left_image, right_image, word] = fields[..] else {
        return Err(format!("it has {} fields, not {}", fields.len(), COLUMNS.len()));
    };
    let choice = Choice::of(word.trim()).ok_or_else(|| {
        let words: Vec<&str> = Choice::ALL.iter().map(|(word, _)| *word).collect();
        format!("`{}` is no vote; expected {}", short(word), words.join(", "))
    })?;
    let voted = |cell: &str, hash: &str| match hash.trim() {
        hash if hash.len() == HASH_DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Ok(Voted { cell: cell.to_owned(), hash: hash.to_ascii_lowercase() })
        }
        other => Err(format!("`{}` is not an image's hash of {HASH_DIGITS} digits", short(other))),
    };
    Ok(Vote {
        left: voted(left, left_image)?,
        right: voted(right, right_image)?,
        prompt_index: number(prompt_index, "prompt_index")?,
        seed: number(seed, "seed")?,
        choice,
    })
}

fn number<N: std::str::FromStr>(text: &str, column: &str) -> Result<N, String> {
    text.trim().parse().map_err(|_| format!("{column} `{}` is not a whole number", short(text)))
}

/// The beginning of a text that may be long.
fn short(text: &str) -> String {
    crate::text::shortened(text, 40)
}

/// The votes as the page writes them.
pub(crate) fn file(votes: &[Vote]) -> Vec<u8> {
    let mut out = Writer::new(COLUMNS);
    for Vote { left, right, prompt_index, seed, choice } in votes {
        let (prompt_index, seed) = (prompt_index.to_string(), seed.to_string());
        out.row([&left.cell, &right.cell, &prompt_index, &seed, &left.hash, &right.hash, choice.word()]);
    }
    out.bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "left,right,prompt_index,seed,left_image,right_image,vote\n";

    #[test]
    fn what_is_written_is_read_back() {
        let line = "dataset.size=5 train.seed=0,(base model),1,18446744073709551615,00112233aabb,ffeeddccbbaa,equal\n";
        let votes = parse(format!("\u{feff}{HEAD}{line}").as_bytes()).expect("votes");
        assert_eq!((votes.len(), votes[0].choice, votes[0].seed), (1, Choice::Equal, u64::MAX));
        assert_eq!(file(&votes), format!("{HEAD}{line}").into_bytes());
        assert_eq!(parse(HEAD.as_bytes()), Ok(Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let good = "a,b,0,0,00112233aabb,ffeeddccbbaa,left\n";
        let error = |rest: &str| parse(format!("{HEAD}{good}{rest}").as_bytes()).expect_err("refused");
        assert_eq!(
            error("a,b,0,0,00112233aabb,ffeeddccbbaa,maybe"),
            "line 3: `maybe` is no vote; expected left, right, equal"
        );
        assert_eq!(error("a,b,0,0,00112233aabb"), "line 3: it has 5 fields, not 7");
        assert_eq!(error("a,b,-1,0,00112233aabb,ffeeddccbbaa,left"), "line 3: prompt_index `-1` is not a whole number");
        assert_eq!(error("a,b,0,0,é,ffeeddccbbaa,left"), "line 3: `é` is not an image's hash of 12 digits");
        let long = format!("a,b,0,{},00112233aabb,ffeeddccbbaa,left", "9".repeat(10_000));
        assert!(error(&long).chars().count() < 100);
        assert!(parse(b"a;b\n").expect_err("refused").starts_with("line 1: expected the columns left,right,"));
        assert!(parse(b"\xff").is_err() && parse(b"").is_err());
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        file.as_file().set_len(MOST_BYTES + 1).expect("grows");
        let error = read_votes(file.path()).expect_err("refused").to_string();
        assert!(error.contains("more than 4194304 bytes"), "{error}");
    }
}
