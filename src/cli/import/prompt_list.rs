//! `prompts_and_classes.txt` of the DreamBooth benchmark.
//!
//! It has lines `subject,class` below the word `Classes`, and two Python lists of prompts, below `Object Prompts` and
//! `Live Subject Prompts`: `'a {0} {1} on the beach'.format(unique_token, class_token),`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};

/// Most bytes of the file; the benchmark's has 6,000.
const MOST_BYTES: u64 = 1_000_000;
/// Most prompts of one list.
const MOST_PROMPTS: usize = 1_000;
/// Most characters of a prompt or a class.
const MOST_CHARS: usize = 1_000;
const MOST_CLASS_CHARS: usize = 100;

/// Classes by subject, and prompts with the placeholders of experiment files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PromptList {
    pub(super) classes: BTreeMap<String, String>,
    pub(super) objects: Vec<String>,
    pub(super) live: Vec<String>,
}

/// Reads the file.
///
/// # Errors
/// A file that is not there, too large or not text; a line that cannot be understood, by its number.
pub(super) fn read(path: &Path) -> anyhow::Result<PromptList> {
    let place = path.display();
    let file = File::open(path).with_context(|| {
        format!("{place} cannot be read; the benchmark's folder has a list of classes and prompts with this name")
    })?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).with_context(|| format!("{place} cannot be read"))?;
    ensure!(bytes.len() as u64 <= MOST_BYTES, "{place} has more than {MOST_BYTES} bytes; it is no list of prompts");
    let text = String::from_utf8(bytes).ok().with_context(|| format!("{place} is not UTF-8 text"))?;
    parse(&text).with_context(|| format!("{place} cannot be understood"))
}

/// Where in the file a line stands.
enum Part {
    Start,
    Classes,
    Objects,
    Live,
}

fn parse(text: &str) -> anyhow::Result<PromptList> {
    let mut list = PromptList::default();
    let mut part = Part::Start;
    for (index, line) in text.trim_start_matches('\u{feff}').lines().map(str::trim).enumerate() {
        let at = || format!("line {}", index + 1);
        match (line.to_lowercase().as_str(), &part) {
            ("classes", _) => part = Part::Classes,
            ("object prompts", _) => part = Part::Objects,
            ("live subject prompts", _) => part = Part::Live,
            ("prompts", _) => part = Part::Start,
            ("" | "subject_name,class", _) | (_, Part::Start) => {}
            (_, Part::Classes) => class(line, &mut list.classes).with_context(at)?,
            (_, Part::Objects) => prompt(line, &mut list.objects).with_context(at)?,
            (_, Part::Live) => prompt(line, &mut list.live).with_context(at)?,
        }
    }
    ensure!(!list.classes.is_empty(), "there are no classes: lines `subject,class` below a line `Classes`");
    for (prompts, heading) in [(&list.objects, "Object Prompts"), (&list.live, "Live Subject Prompts")] {
        ensure!(!prompts.is_empty(), "there are no prompts below a line `{heading}`");
    }
    Ok(list)
}

/// `duck_toy,toy`
fn class(line: &str, classes: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    let Some((name, class)) = line.split_once(',') else { bail!("expected `subject,class`") };
    let (name, class) = (name.trim(), class.trim());
    let odd = |text: &str| text.contains(|c: char| c.is_control() || c == '{' || c == '}') || text.contains("<|");
    ensure!(
        !name.is_empty() && !class.is_empty() && !odd(class) && class.chars().count() <= MOST_CLASS_CHARS,
        "expected `subject,class` with a class of 1 to {MOST_CLASS_CHARS} characters and no braces"
    );
    let earlier = classes.insert(name.to_owned(), class.to_owned());
    ensure!(earlier.is_none_or(|earlier| earlier == class), "the subject {name:?} has two classes");
    Ok(())
}

/// `'a {0} {1} in the snow'.format(unique_token, class_token),`, or Python's lines around such prompts.
fn prompt(line: &str, prompts: &mut Vec<String>) -> anyhow::Result<()> {
    let Some(quote) = line.chars().next().filter(|quote| ['\'', '"'].contains(quote)) else {
        ensure!(line == "]" || line.ends_with('['), "expected a prompt in quotes, as `'a {{0}} {{1}}'.format(…),`");
        return Ok(());
    };
    let Some((text, _)) = line[1..].split_once(&format!("{quote}.format(")) else {
        bail!("expected `.format(…)` after the prompt")
    };
    ensure!(!text.contains('\\') && !text.contains(char::is_control), "escapes such as \\n are not understood");
    ensure!(text.chars().count() <= MOST_CHARS, "the prompt has more than {MOST_CHARS} characters");
    ensure!(text.contains("{0}"), "the prompt lacks the place of the subject's word, `{{0}}`");
    let rest = text.replace("{0}", "").replace("{1}", "");
    ensure!(!rest.contains(['{', '}']), "only the placeholders `{{0}}` and `{{1}}` are understood");
    ensure!(prompts.len() < MOST_PROMPTS, "there are more than {MOST_PROMPTS} prompts in one list");
    prompts.push(text.replace("{0}", "{identifier}").replace("{1}", "{class}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Classes\n\nsubject_name,class\nduck_toy,toy\nbear, stuffed animal\n\nPrompts\n\n\
        Object Prompts\n\nprompt_list = [\n'a {0} {1} in the jungle'.format(unique_token, class_token),\n\
        \"a child's {0} {1}\".format(unique_token, class_token)\n]\n\n\
        Live Subject Prompts\nprompt_list = [\r\n'a {0} {1} in a hat'.format(unique_token, class_token)\r\n]\n";

    #[test]
    fn classes_and_both_lists_are_read() {
        let list = parse(TEXT).unwrap();
        assert_eq!(list.classes["duck_toy"], "toy");
        assert_eq!(list.classes["bear"], "stuffed animal");
        assert_eq!(list.objects, ["a {identifier} {class} in the jungle", "a child's {identifier} {class}"]);
        assert_eq!(list.live, ["a {identifier} {class} in a hat"]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let long = format!("duck_toy,{}", "x".repeat(200));
        for (from, to, message) in [
            ("duck_toy,toy", "duck_toy", "line 4: expected `subject,class`"),
            ("duck_toy,toy", "duck_toy,{toy}", "line 4: expected `subject,class` with"),
            ("duck_toy,toy", long.as_str(), "line 4: expected `subject,class` with"),
            ("bear, stuffed animal", "duck_toy,duck", "line 5: the subject \"duck_toy\" has two classes"),
            ("{0} {1} in the jungle", "{0} {2} in the jungle", "line 12: only the placeholders"),
            ("a {0} {1} in the jungle", "a {1} in the jungle", "line 12: the prompt lacks"),
            ("'a {0} {1} in the jungle'.format", "'a {0} {1}\\n'.format", "line 12: escapes"),
            ("'a {0} {1} in the jungle'.format", "'a {0} {1}'.upper", "line 12: expected `.format(…)`"),
            ("'a {0} {1} in the jungle'.format", "print", "line 12: expected a prompt in quotes"),
            ("Classes", "Klassen", "there are no classes"),
            ("Live Subject Prompts", "Prompts", "no prompts below a line `Live Subject Prompts`"),
        ] {
            assert!(TEXT.contains(from), "{from}");
            let error = format!("{:#}", parse(&TEXT.replacen(from, to, 1)).unwrap_err());
            assert!(error.starts_with(message) || error.contains(message), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_too_large_or_no_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompts_and_classes.txt");
        let error = || format!("{:#}", read(&path).unwrap_err());
        assert!(error().contains("cannot be read; the benchmark's folder has"), "{}", error());
        std::fs::write(&path, vec![b'x'; MOST_BYTES as usize + 9]).unwrap();
        assert!(error().contains("more than 1000000 bytes"), "{}", error());
        std::fs::write(&path, b"Classes\n\xff\xfe").unwrap();
        assert!(error().contains("not UTF-8 text"), "{}", error());
    }
}
