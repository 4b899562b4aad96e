//! `[subject]`: the words of the study.

use super::problem::Problem;
use super::reader::Reader;

use serde::{Deserialize, Serialize};

/// Longest word or name.
const MAX_CHARS: usize = 100;

/// Words that a model already knows: an identifier among them would bring its old meaning along. Frequent English
/// words, usual classes, and `sks`, which is a rifle.
const COMMON_WORDS: &str = "
a an and are art as at baby bag ball banana bear beautiful bed best big bird black blue boat body book bottle boy
bread brown bus cake camera candle car cartoon castle cat chair character child city clock clothes coat color cow cup
cute day dog doll door dress duck face family figure figurine fire fish flower food forest fox friend frog fruit game
garden girl glass gold green guitar hair hand hat head heart hero home horse house human image in instance it kid king
kitchen lamp light lion little logo love man me men metal model mom monkey monster moon mother mountain mouse mug
music my name new night nice object of old on orange painting paper park party pen penguin people person pet phone
photo picture pig pink plant plate pot princess purple queen rabbit red river road robot rock rose sea shirt shoe sign
sks sky small snow sofa star statue stone street style subject summer sun table teapot teddy test that the thing this
tiger token toy train tree unicorn vase water white winter wolf woman women wood world yellow you your
";

/// `[subject]`: the words of the study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The made-up word that will mean the subject, e.g. `aawxbc`.
    pub identifier: String,
    /// What kind of thing it is, e.g. `figurine`.
    pub class: String,
    /// What people call it; used by baseline prompts only. May be empty.
    pub name: String,
}

impl Subject {
    /// A photo's caption with the words in place of `{identifier}`, `{class}` and `{name}`. All else stays: captions
    /// come from other programs, and braces in them may mean something else.
    #[must_use]
    pub fn filled(&self, caption: &str) -> String {
        let words = [("{identifier}", &self.identifier), ("{class}", &self.class), ("{name}", &self.name)];
        words.iter().fold(caption.to_owned(), |caption, (placeholder, word)| caption.replace(placeholder, word))
    }
}

/// Reads and checks the section.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Subject> {
    let identifier = word(reader, "subject.identifier", "\"aawxbc\"", false);
    let class = word(reader, "subject.class", "\"figurine\"", false);
    let name = word(reader, "subject.name", "\"\"", true);
    if let Some(identifier) = &identifier {
        check_identifier(reader, identifier, class.as_deref());
    }
    Some(Subject { identifier: identifier.filter(|i| !i.contains(char::is_whitespace))?, class: class?, name: name? })
}

/// One line of text without spaces around it, and without braces: it is put into prompts as it stands.
fn word(reader: &mut Reader<'_>, key: &str, example: &str, may_be_empty: bool) -> Option<String> {
    let text = reader.text(key, example)?;
    let fine = (may_be_empty || !text.is_empty())
        && text.trim() == text
        && text.chars().count() <= MAX_CHARS
        && !text.contains(|c: char| c.is_control() || c == '{' || c == '}')
        // The tokenizer's own signs, e.g. <|endoftext|>, end a prompt.
        && !text.contains("<|");
    if !fine {
        let message = format!("`{key}` cannot be {}", super::value::shown(&text.clone().into()));
        let problem = Problem::error(reader.place(key), message);
        let problem = problem.expected(format!("1 to {MAX_CHARS} characters, no space at either end and no braces"));
        let filled = text.contains(['{', '}']);
        let help =
            "placeholders are filled in prompts and captions, not in the words of `[subject]`: write the word itself";
        let sign = "signs such as <|endoftext|> belong to the tokenizer and end a prompt";
        reader.push(match () {
            () if filled => problem.help(help),
            () if text.contains("<|") => problem.help(sign),
            () => problem,
        });
    }
    fine.then_some(text)
}

fn check_identifier(reader: &mut Reader<'_>, identifier: &str, class: Option<&str>) {
    let place = reader.place("subject.identifier");
    let lower = identifier.to_lowercase();
    if identifier.contains(char::is_whitespace) {
        let message = format!("`subject.identifier` is more than one word: \"{identifier}\"");
        reader.push(
            Problem::error(place, message)
                .expected("one made-up word")
                .help("what people call the subject goes into `subject.name`"),
        );
    } else if class.is_some_and(|class| class.to_lowercase() == lower) {
        let message = format!("`subject.identifier` and `subject.class` are both \"{identifier}\"");
        reader.push(Problem::error(place, message).expected("one made-up word, e.g. `aawxbc`"));
    } else if COMMON_WORDS.split_whitespace().any(|word| word == lower) {
        let message = format!("\"{identifier}\" is a word the base model already knows");
        reader.push(
            Problem::warning(place, message)
                .help("its old meaning will mix with your subject: a made-up word such as `aawxbc` is safer"),
        );
    }
}
