//! What a tokenizer folder says about vocabulary, merges and special tokens.
//!
//! Follows `PreTrainedTokenizerBase._from_pretrained` and `TokenizersBackend.__init__` of transformers 5.23: an
//! `added_tokens_decoder` in `tokenizer_config.json` wins; without one, `special_tokens_map.json` overrides the
//! configuration, and `added_tokens.json` and the `added_tokens` of `tokenizer.json` are added.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tokenizers::AddedToken;
use tokenizers::models::bpe::{Merges, Vocab};

use crate::tensors::LoadError;
use crate::tensors::texts::Texts;

/// Tokens of a prompt with its two markers and its padding.
pub const PROMPT_TOKENS: usize = 77;

/// The files that are read, where they are there, in the order in which they count for a model's hash.
pub(crate) const NAMES: [&str; 6] = [
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
];

pub(super) struct Files {
    /// The file with the vocabulary, for messages.
    pub(super) source: PathBuf,
    pub(super) vocab: Vocab,
    pub(super) merges: Merges,
    pub(super) special: Special,
    /// In the order in which transformers adds them.
    pub(super) added: Vec<AddedToken>,
    /// What `tokenizer_config.json` asks for and does not get, each a plain sentence.
    pub(super) warnings: Vec<String>,
}

/// Files that older versions of transformers wrote beside the others; they often repeat what these say.
pub(super) const OLDER: [&str; 2] = ["special_tokens_map.json", "added_tokens.json"];

pub(super) struct Special {
    pub(super) begin: AddedToken,
    pub(super) end: AddedToken,
    pub(super) unknown: AddedToken,
    pub(super) pad: AddedToken,
}

/// The names of `SPECIAL_TOKENS_ATTRIBUTES`, in order.
const NAMED: [&str; 7] = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

impl Files {
    pub(super) fn of(texts: &Texts) -> Result<Self, LoadError> {
        let json = |name: &str| texts.get(name)?.map(|text| parse(text, &texts.path(name))).transpose();
        let fast = json("tokenizer.json")?;
        let (source, vocab, merges) = match &fast {
            Some(fast) => {
                let source = texts.path("tokenizer.json");
                let model = fast.get("model").unwrap_or(&Value::Null);
                let vocab = vocabulary(model.get("vocab").unwrap_or(&Value::Null), &source)?;
                (source.clone(), vocab, merges_of_json(model.get("merges"), &source)?)
            }
            None => {
                let source = texts.path("vocab.json");
                let Some(vocab) = json("vocab.json")? else {
                    let wanted = "tokenizer.json or vocab.json".to_owned();
                    return Err(LoadError::NotFound { folder: texts.path(""), wanted, advice: None });
                };
                let lines = merges_of_text(texts.need("merges.txt")?, &texts.path("merges.txt"))?;
                (source.clone(), vocabulary(&vocab, &source)?, lines)
            }
        };
        let mut config = match json("tokenizer_config.json")? {
            Some(Value::Object(map)) => map,
            Some(_) => {
                let reason = "expected an object in braces".to_owned();
                return Err(LoadError::Invalid { file: texts.path("tokenizer_config.json"), reason });
            }
            None => Map::new(),
        };
        let warnings = check(&config, &texts.path("tokenizer_config.json"))?;

        let mut by_id: BTreeMap<u64, AddedToken> = BTreeMap::new();
        if let Some(decoder) = config.get("added_tokens_decoder").and_then(Value::as_object) {
            for (id, token) in decoder {
                if let (Ok(id), Some(token)) = (id.parse(), token_of(token, false)) {
                    by_id.insert(id, token);
                }
            }
        } else {
            if let Some(Value::Object(map)) = json("special_tokens_map.json")? {
                for (key, mut value) in map {
                    if let Some(fields) = value.as_object_mut() {
                        fields.insert("special".to_owned(), Value::Bool(true));
                    }
                    config.insert(key, value);
                }
            }
            if let Some(Value::Object(map)) = json("added_tokens.json")? {
                let named: Vec<String> =
                    NAMED.iter().filter_map(|n| token_of(config.get(*n)?, true)).map(|t| t.content).collect();
                for (content, id) in map {
                    if let Some(id) = id.as_u64() {
                        let special = named.contains(&content);
                        by_id.insert(id, AddedToken::from(content, special));
                    }
                }
            }
            for token in
                fast.as_ref().and_then(|f| f.get("added_tokens")).and_then(Value::as_array).into_iter().flatten()
            {
                if let (Some(id), Some(parsed)) = (token.get("id").and_then(Value::as_u64), token_of(token, false)) {
                    by_id.insert(id, parsed);
                }
            }
        }

        let named = |name: &str| {
            let token = token_of(config.get(name)?, true)?;
            Some(by_id.values().find(|t| t.content == token.content).cloned().unwrap_or(token))
        };
        let end = || AddedToken::from("<|endoftext|>", true);
        let special = Special {
            begin: named("bos_token").unwrap_or_else(|| AddedToken::from("<|startoftext|>", true)),
            end: named("eos_token").unwrap_or_else(end),
            unknown: named("unk_token").unwrap_or_else(end),
            pad: named("pad_token").unwrap_or_else(end),
        };
        let others = ["sep_token", "cls_token", "mask_token"].into_iter().filter_map(named);
        let mut added: Vec<AddedToken> = by_id.values().cloned().collect();
        // transformers stores the names in the order of `NAMED`; the order matters for new ids only.
        let mut all = vec![special.begin.clone(), special.end.clone(), special.unknown.clone()];
        all.push(special.pad.clone());
        all.extend(others);
        let before = added.len();
        for token in all {
            if !added.iter().any(|t| t.content == token.content) {
                added.push(token);
            }
        }
        let is_named = |t: &AddedToken| {
            [&special.begin, &special.end, &special.unknown, &special.pad].iter().any(|s| s.content == t.content)
        };
        for (i, token) in added.iter_mut().enumerate() {
            token.special |= i >= before || is_named(token);
        }
        Ok(Self { source, vocab, merges, special, added, warnings })
    }

    /// All that the special tokens do; `AddedToken` itself compares names only.
    pub(super) fn tokens(&self) -> String {
        let Special { begin, end, unknown, pad } = &self.special;
        format!("{begin:?} {end:?} {unknown:?} {pad:?} {:?}", self.added)
    }
}

/// Refuses tokenizers of another kind, and tells what is done otherwise.
fn check(config: &Map<String, Value>, file: &Path) -> Result<Vec<String>, LoadError> {
    let clip = ["CLIPTokenizer", "CLIPTokenizerFast", "TokenizersBackend", "PreTrainedTokenizerFast"];
    if let Some(class) = config.get("tokenizer_class").and_then(Value::as_str)
        && !clip.contains(&class)
    {
        return Err(LoadError::Unsupported {
            file: file.to_owned(),
            key: "tokenizer_class".to_owned(),
            found: format!("{class:?}"),
            supported: "it must be \"CLIPTokenizer\"".to_owned(),
        });
    }
    let mut warnings = Vec::new();
    let length = config.get("model_max_length").and_then(Value::as_f64);
    // Files without a limit have a number with 30 digits.
    if let Some(length) = length.filter(|length| *length < 1e9 && *length != PROMPT_TOKENS as f64) {
        let here = PROMPT_TOKENS;
        warnings
            .push(format!("tokenizer_config.json of the model says {length} tokens; prompts here always have {here}."));
    }
    if config.get("do_lower_case") == Some(&Value::Bool(false)) {
        let here = "CLIP's tokenizer makes lower case of them anyway";
        warnings.push(format!("tokenizer_config.json of the model asks for capital letters to be kept; {here}."));
    }
    Ok(warnings)
}

fn parse(text: &str, file: &Path) -> Result<Value, LoadError> {
    serde_json::from_str(text)
        .map_err(|e| LoadError::Invalid { file: file.to_owned(), reason: format!("it is not JSON: {e}") })
}

/// A string, or an object with the fields of `AddedToken`.
fn token_of(value: &Value, special: bool) -> Option<AddedToken> {
    match value {
        Value::String(content) => Some(AddedToken::from(content.clone(), special)),
        Value::Object(fields) => {
            let flag = |name: &str, default: bool| fields.get(name).and_then(Value::as_bool).unwrap_or(default);
            let special = flag("special", false);
            Some(
                AddedToken::from(fields.get("content")?.as_str()?.to_owned(), special)
                    .single_word(flag("single_word", false))
                    .lstrip(flag("lstrip", false))
                    .rstrip(flag("rstrip", false))
                    .normalized(flag("normalized", !special)),
            )
        }
        _ => None,
    }
}

fn vocabulary(value: &Value, file: &Path) -> Result<Vocab, LoadError> {
    let invalid = |reason: String| LoadError::Invalid { file: file.to_owned(), reason };
    let map = value.as_object().ok_or_else(|| invalid("it has no vocabulary".to_owned()))?;
    map.iter()
        .map(|(token, id)| match id.as_u64().and_then(|id| u32::try_from(id).ok()) {
            Some(id) => Ok((token.clone(), id)),
            None => Err(invalid(format!("token {token:?} has the id {id}"))),
        })
        .collect()
}

fn pair(line: &str, file: &Path) -> Result<(String, String), LoadError> {
    match line.split_once(' ') {
        Some((a, b)) if !a.is_empty() && !b.is_empty() && !b.contains(' ') => Ok((a.to_owned(), b.to_owned())),
        _ => {
            Err(LoadError::Invalid { file: file.to_owned(), reason: format!("{line:?} is not a merge of two tokens") })
        }
    }
}

fn merges_of_text(text: &str, file: &Path) -> Result<Merges, LoadError> {
    text.lines().filter(|l| !l.starts_with("#version") && !l.is_empty()).map(|l| pair(l, file)).collect()
}

fn merges_of_json(value: Option<&Value>, file: &Path) -> Result<Merges, LoadError> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .map(|item| match item {
            Value::String(line) => pair(line, file),
            Value::Array(two) => match (two.first().and_then(Value::as_str), two.get(1).and_then(Value::as_str)) {
                (Some(a), Some(b)) if two.len() == 2 => Ok((a.to_owned(), b.to_owned())),
                _ => pair("", file),
            },
            _ => pair("", file),
        })
        .collect()
}
