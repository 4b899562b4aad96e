//! Prompts with the class word or the name in place of the identifier: what the base model can be asked for.

use crate::experiment::settings::Subject;

/// The prompt without the identifier: `a aawxbc figurine on the beach` becomes `a figurine on the beach`. Where the
/// class word does not stand in the prompt otherwise, it takes the identifier's place: `a aawxbc in the rain` becomes
/// `a figurine in the rain`. White space is made single. A prompt without the identifier stays as it is.
#[must_use]
pub fn with_class_word(prompt: &str, subject: &Subject) -> String {
    let identifier = &subject.identifier;
    if !has_word(prompt, identifier) {
        return prompt.to_owned();
    }
    let without = replaced(prompt, identifier, "");
    let filled =
        if has_word(&without, &subject.class) { without } else { replaced(prompt, identifier, &subject.class) };
    let filled = filled.split_whitespace().collect::<Vec<_>>().join(" ");
    // A comma does not stand alone where the identifier stood in front of it.
    filled.replace(" ,", ",")
}

/// The prompt with the subject's name in place of the identifier: `a aawxbc figurine` becomes `a shin-chan figurine`.
/// White space is made single. A prompt without the identifier stays as it is.
#[must_use]
pub fn with_name(prompt: &str, subject: &Subject) -> String {
    if !has_word(prompt, &subject.identifier) {
        return prompt.to_owned();
    }
    replaced(prompt, &subject.identifier, &subject.name).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a word, or several words, stand in a text as such, and not as a part of a longer word.
#[must_use]
pub fn has_word(text: &str, word: &str) -> bool {
    !word.is_empty() && places(text, word).next().is_some()
}

/// The bytes at which a word begins.
fn places<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_free = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| is_free(text[..*at].chars().next_back()) && is_free(text[at + word.len()..].chars().next()))
}

fn replaced(text: &str, word: &str, by: &str) -> String {
    let (mut out, mut end) = (String::new(), 0);
    for at in places(text, word) {
        out.push_str(&text[end..at]);
        out.push_str(by);
        end = at + word.len();
    }
    out + &text[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_word_takes_the_place_of_the_identifier() {
        let subject = Subject { identifier: "xyz".into(), class: "toy car".into(), name: "Lightning".into() };
        for (prompt, expected) in [
            ("a xyz toy car on the beach", "a toy car on the beach"),
            ("xyz, in the rain", "toy car, in the rain"),
            ("the toy car xyz, red", "the toy car, red"),
            ("xyz's house", "toy car's house"),
            ("a  photo of a xyzzy", "a  photo of a xyzzy"),
            ("é xyz é", "é toy car é"),
        ] {
            assert_eq!(with_class_word(prompt, &subject), expected);
        }
        assert_eq!(with_name("a  xyz toy car", &subject), "a Lightning toy car");
        assert_eq!(with_name("a xyzzy", &subject), "a xyzzy");
        assert!(has_word("a toy car.", "toy car") && !has_word("a toy cart", "toy car") && !has_word("a", ""));
    }
}
