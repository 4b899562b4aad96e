//! Prompts: `{identifier}`, `{class}` and `{name}` are filled in; `{{` and `}}` stand for braces.

use super::problem::Problem;
use super::reader::Reader;
use super::similar::did_you_mean;
use super::source::Origin;
use super::subject::Subject;

/// A prompt longer than this is a mistake; CLIP reads only its first 77 tokens.
const MAX_CHARS: usize = 10_000;
/// More prompts in one list than this are a mistake.
const MAX_PROMPTS: usize = 1_000;

/// Fills a prompt that must not be empty.
pub(super) fn fill(
    reader: &mut Reader<'_>,
    key: &str,
    text: &str,
    origin: &Origin,
    subject: &Subject,
) -> Option<String> {
    let filled = fill_or_empty(reader, key, text, origin, subject)?;
    if filled.trim().is_empty() {
        let message = format!("`{key}` has an empty prompt");
        reader.push(Problem::error(origin.value(), message).expected("what the image shows"));
        return None;
    }
    Some(filled)
}

/// Fills a prompt that may be empty, such as the negative prompt.
pub(super) fn fill_or_empty(
    reader: &mut Reader<'_>,
    key: &str,
    text: &str,
    origin: &Origin,
    subject: &Subject,
) -> Option<String> {
    let filled = parts(text, subject);
    let length = filled.as_deref().unwrap_or(text).chars().count();
    if length > MAX_CHARS {
        let message = format!("`{key}` has a prompt of {length} characters");
        reader.push(Problem::error(origin.value(), message).expected(format!("at most {MAX_CHARS} characters")));
        return None;
    }
    match filled {
        Ok(filled) => Some(filled),
        Err(Wrong::Unknown(word)) => {
            let suggestion = did_you_mean(&word, ["identifier", "class", "name"]).map(|w| format!("{{{w}}}"));
            let place = origin.inside(&format!("{{{word}}}"));
            reader.push(
                Problem::error(place, format!("unknown placeholder `{{{word}}}`"))
                    .expected("{identifier}, {class} or {name}")
                    .suggestion(suggestion)
                    .help("write `{{` and `}}` for braces that should stay"),
            );
            None
        }
        Err(Wrong::NoName) => {
            reader.push(
                Problem::error(origin.inside("{name}"), "`{name}` is used but `subject.name` is empty")
                    .help("set `name` in `[subject]` to what people call the subject, or take `{name}` out"),
            );
            None
        }
        Err(Wrong::Brace(brace)) => {
            let help = format!("write `{brace}{brace}` for a brace that should stay");
            reader.push(Problem::error(origin.inside(brace), format!("a lone `{brace}` in a prompt")).help(help));
            None
        }
        Err(Wrong::Control) => {
            let message = format!("`{key}` has a line end or another control character");
            reader.push(Problem::error(origin.value(), message).expected("a prompt in one line"));
            None
        }
    }
}

/// Reads a list of prompts: filled, none empty, none twice.
pub(super) fn list(reader: &mut Reader<'_>, key: &str, example: &str, subject: &Subject) -> Option<Vec<String>> {
    let texts = reader.texts(key, example)?;
    if texts.len() > MAX_PROMPTS {
        let message = format!("`{key}` has {} prompts", texts.len());
        let place = reader.place(key);
        reader.push(Problem::error(place, message).expected(format!("at most {MAX_PROMPTS}")));
        return None;
    }
    let mut filled: Vec<String> = Vec::new();
    let mut complete = true;
    for (text, origin) in &texts {
        match fill(reader, key, text, origin, subject) {
            Some(prompt) if filled.contains(&prompt) => {
                let message = format!("`{key}` has the prompt \"{prompt}\" twice");
                reader.push(Problem::error(origin.value(), message).help("remove one of them"));
                complete = false;
            }
            Some(prompt) => filled.push(prompt),
            None => complete = false,
        }
    }
    complete.then_some(filled)
}

enum Wrong {
    Unknown(String),
    NoName,
    Brace(&'static str),
    Control,
}

fn parts(text: &str, subject: &Subject) -> Result<String, Wrong> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("{{") {
            filled.push('{');
            rest = after;
        } else if let Some(after) = rest.strip_prefix("}}") {
            filled.push('}');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let (word, after) = after.split_once('}').ok_or(Wrong::Brace("{"))?;
            filled.push_str(match word {
                "identifier" => &subject.identifier,
                "class" => &subject.class,
                "name" if subject.name.is_empty() => return Err(Wrong::NoName),
                "name" => &subject.name,
                _ => return Err(Wrong::Unknown(word.to_owned())),
            });
            rest = after;
        } else if c == '}' {
            return Err(Wrong::Brace("}"));
        } else if c.is_control() {
            return Err(Wrong::Control);
        } else {
            filled.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Option<String> {
        let subject = Subject { identifier: "aawxbc".into(), class: "figurine".into(), name: "shin {class}".into() };
        parts(text, &subject).ok()
    }

    #[test]
    fn placeholders_are_filled_once() {
        assert_eq!(filled("a {identifier} {class}").as_deref(), Some("a aawxbc figurine"));
        assert_eq!(filled("{name}").as_deref(), Some("shin {class}"));
        assert_eq!(filled("{{class}} é").as_deref(), Some("{class} é"));
        assert_eq!(filled("{{{class}}}").as_deref(), Some("{figurine}"));
    }

    #[test]
    fn stray_braces_and_unknown_words_are_refused() {
        for text in ["{colour}", "{", "a } b", "{class", "{}", "line\nend"] {
            assert_eq!(filled(text), None, "{text}");
        }
    }
}
