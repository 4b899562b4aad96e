//! CLIP's own vocabulary, which every family of Stable Diffusion has: a checkpoint in one file holds none.
//!
//! The merges are the first 48,894 of `bpe_simple_vocab_16e6.txt.gz` in [OpenAI's CLIP](https://github.com/openai/CLIP)
//! (`assets/clip_merges-LICENSE.txt`), as its `simple_tokenizer.py` takes them;
//! `tests/golden/single_file/vocabulary.py` makes the file. The ids follow from them: 256 bytes, the same at the end of
//! a word, the merges, and two markers.

use std::fmt::Write as _;
use std::path::Path;

use crate::tensors::LoadError;
use crate::tensors::texts::Texts;

/// One merge a line, compressed by zlib.
const MERGES: &[u8] = include_bytes!("../../../assets/clip_merges.txt.z");

/// The texts of a tokenizer's folder with this vocabulary. Prompts are filled up with the token `padding`.
///
/// # Errors
/// None in a program that was built well.
pub(super) fn texts(padding: &str) -> Result<Texts, LoadError> {
    let source = Path::new("CLIP's vocabulary");
    let invalid = |reason: String| LoadError::Invalid { file: source.to_owned(), reason };
    let merges = fdeflate::decompress_to_vec(MERGES).map_err(|error| invalid(format!("{error:?}")))?;
    let merges = String::from_utf8(merges).map_err(|error| invalid(error.to_string()))?;
    let config = format!("{{\"pad_token\": {}, \"model_max_length\": 77}}", quoted(padding));
    let files = [("vocab.json", vocabulary(&merges)), ("merges.txt", merges), ("tokenizer_config.json", config)];
    Ok(Texts::given(source, files))
}

/// `vocab.json`: every token with its id.
fn vocabulary(merges: &str) -> String {
    let bytes: Vec<String> = letters().map(String::from).collect();
    let ends = bytes.iter().map(|letter| format!("{letter}</w>"));
    let merged = merges.lines().map(|line| line.replacen(' ', "", 1));
    let markers = ["<|startoftext|>", "<|endoftext|>"].map(str::to_owned);
    let mut text = String::from("{");
    for (id, token) in bytes.iter().cloned().chain(ends).chain(merged).chain(markers).enumerate() {
        let comma = if id == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}{}: {id}", quoted(&token));
    }
    text + "}"
}

/// A letter for each byte: bytes that can be printed stand for themselves and come first, then all others.
fn letters() -> impl Iterator<Item = char> {
    let printed = |byte: &u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let others = (0..256).filter(move |byte| !printed(byte)).enumerate().map(|(index, _)| 256 + index as u32);
    (0..256).filter(printed).chain(others).filter_map(char::from_u32)
}

/// A text as JSON writes it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_its_token() {
        let texts = texts("!").unwrap();
        let vocabulary: std::collections::BTreeMap<String, usize> =
            serde_json::from_str(texts.need("vocab.json").unwrap()).unwrap();
        assert_eq!(vocabulary.len(), 49_408);
        for (token, id) in [
            ("!", 0),
            ("!</w>", 256),
            ("in", 512),
            ("a</w>", 320),
            ("cat</w>", 2368),
            ("photo</w>", 1125),
            ("<|startoftext|>", 49_406),
            ("<|endoftext|>", 49_407),
        ] {
            assert_eq!(vocabulary.get(token), Some(&id), "{token}");
        }
    }
}
