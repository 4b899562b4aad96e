//! `evaluate.encoders`: the image encoders that measure likeness and prompt following.

use serde::{Deserialize, Serialize};

use super::base::{Base, hub_id, looks_like_a_path};
use super::paths::{missing, resolve};
use super::problem::Problem;
use super::reader::Reader;
use super::similar::did_you_mean;
use super::source::Origin;
use super::value::{printable, shown};
use crate::choice::{Choice as _, Purpose};
use crate::text::either;

const KEY: &str = "evaluate.encoders";
/// One entry of the list, as it is written.
const EXAMPLE: &str = "{ name = \"dino\", model = \"facebook/dinov2-small\", for = [\"identity\"] }";
/// More encoders are a mistake.
const MAX_ENCODERS: usize = 16;
/// Longest name.
const MAX_CHARS: usize = 32;
const MEMBERS: [&str; 3] = ["name", "model", "for"];

/// An image encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderChoice {
    /// What the report calls it: a word of letters, digits, `-` and `_`.
    pub name: String,
    /// A Hugging Face folder or a Hub id.
    pub model: Base,
    /// What it is used for.
    #[serde(rename = "for")]
    pub purposes: Vec<Purpose>,
}

impl EncoderChoice {
    /// Whether it is used for that.
    #[must_use]
    pub fn is_for(&self, purpose: Purpose) -> bool {
        self.purposes.contains(&purpose)
    }
}

/// Reads and checks the list. Each name and each model may occur once.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Vec<EncoderChoice>> {
    let entry = reader.entry(KEY)?.clone();
    let expected = format!("a list such as [{EXAMPLE}]");
    let Some(items) = entry.value.as_array().filter(|items| items.len() <= MAX_ENCODERS) else {
        let message = match entry.value.as_array() {
            Some(items) => format!("`{KEY}` has {} entries, and {MAX_ENCODERS} is the most", items.len()),
            None => format!("`{KEY}` cannot be {}", shown(&entry.value)),
        };
        reader.push(Problem::error(entry.origin.value(), message).expected(expected));
        return None;
    };
    let mut encoders: Vec<EncoderChoice> = Vec::new();
    let mut complete = true;
    for (index, item) in items.iter().enumerate() {
        let origin = entry.origin.item(index);
        let Some(encoder) = Item { reader, item, origin: &origin }.read() else {
            complete = false;
            continue;
        };
        let twice = if encoders.iter().any(|other| other.name.eq_ignore_ascii_case(&encoder.name)) {
            Some(format!("two encoders have the name \"{}\"", encoder.name))
        } else if encoders.iter().any(|other| other.model == encoder.model) {
            Some(format!("the encoder \"{}\" has the model of an earlier one", encoder.name))
        } else {
            None
        };
        if let Some(message) = twice {
            let help = "list a model once, with everything that it is for";
            reader.push(Problem::error(origin.value(), message).help(help));
            complete = false;
        }
        encoders.push(encoder);
    }
    complete.then_some(encoders)
}

/// One entry of the list.
struct Item<'a, 'r> {
    reader: &'a mut Reader<'r>,
    item: &'a toml::Value,
    origin: &'a Origin,
}

impl Item<'_, '_> {
    fn read(mut self) -> Option<EncoderChoice> {
        let Some(table) = self.item.as_table() else {
            let message = format!("an encoder cannot be {}", shown(self.item));
            self.push(Problem::error(self.origin.value(), message).expected(EXAMPLE));
            return None;
        };
        let unknown: Vec<&String> = table.keys().filter(|key| !MEMBERS.contains(&key.as_str())).collect();
        for key in &unknown {
            let problem = Problem::error(self.origin.inside(key), format!("unknown key `{key}` of an encoder"));
            let problem = problem.expected(either(&MEMBERS)).suggestion(did_you_mean(key, MEMBERS));
            self.push(problem);
        }
        let (name, model, purposes) = (self.name(), self.model(), self.purposes());
        if !unknown.is_empty() {
            return None;
        }
        Some(EncoderChoice { name: name?, model: model?, purposes: purposes? })
    }

    fn push(&mut self, problem: Problem) {
        self.reader.push(problem);
    }

    /// The value of a key. It is a problem if there is none.
    fn value(&mut self, key: &str) -> Option<toml::Value> {
        let value = self.item.get(key).cloned();
        if value.is_none() {
            let problem = Problem::error(self.origin.value(), format!("an encoder has no `{key}`"));
            self.push(problem.expected(EXAMPLE));
        }
        value
    }

    fn name(&mut self) -> Option<String> {
        let value = self.value("name")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let name = value.as_str().filter(|name| {
            (1..=MAX_CHARS).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('-')
        });
        if name.is_none() {
            let message = format!("the name of an encoder cannot be {}", shown(&value));
            let expected = format!("1 to {MAX_CHARS} letters, digits, `-` or `_`: it names files and columns");
            self.push(Problem::error(self.place_of("name", &value), message).expected(expected));
        }
        name.map(str::to_owned)
    }

    fn model(&mut self) -> Option<Base> {
        const EXPECTED: &str = "a folder with config.json or a Hub id such as owner/name or owner/name@revision";
        let value = self.value("model")?;
        let place = self.place_of("model", &value);
        let text = value.as_str().filter(|text| !text.trim().is_empty() && !text.contains(char::is_control));
        let Some(text) = text else {
            let message = format!("the model of an encoder cannot be {}", shown(&value));
            self.push(Problem::error(place, message).expected(EXPECTED));
            return None;
        };
        let path = resolve(text, self.origin);
        if path.is_dir() {
            if path.join("config.json").is_file() {
                return Some(Base::Folder(path));
            }
            let message = format!("the folder {} has no config.json", printable(text));
            self.push(Problem::error(place, message).expected(EXPECTED));
            return None;
        }
        let hub = hub_id(text).filter(|_| !looks_like_a_path(text) && !path.exists());
        if hub.is_none() {
            let problem = missing("model", text, &path, self.origin, &|path| path.is_dir());
            self.push(problem.expected(EXPECTED));
        }
        hub
    }

    fn purposes(&mut self) -> Option<Vec<Purpose>> {
        let value = self.value("for")?;
        let words: Vec<&str> = Purpose::words().collect();
        let items = match &value {
            toml::Value::Array(items) => items.clone(),
            one => vec![one.clone()],
        };
        let mut purposes = Vec::new();
        for item in &items {
            let word = item.as_str().unwrap_or_default();
            match Purpose::from_word(word) {
                Ok(purpose) if !purposes.contains(&purpose) => purposes.push(purpose),
                Ok(_) => {}
                Err(_) => {
                    let message = format!("an encoder cannot be for {}", shown(item));
                    let problem = Problem::error(self.place_of("for", item), message).expected(either(&words));
                    self.push(problem.suggestion(did_you_mean(word, words.iter().copied())));
                    return None;
                }
            }
        }
        if purposes.is_empty() {
            let problem = Problem::error(self.place_of("for", &value), "an encoder must be for something");
            self.push(problem.expected(format!("a list of {}", either(&words))));
            return None;
        }
        Some(purposes)
    }

    /// Where a text stands; where it is no text, the key.
    fn place_of(&self, key: &str, value: &toml::Value) -> super::source::Place {
        self.origin.inside(value.as_str().filter(|text| !text.is_empty()).unwrap_or(key))
    }
}
