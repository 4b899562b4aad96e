//! CLIP's tokenizer: prompt → 77 token ids, equal to transformers 5.23's `CLIPTokenizer`.
//!
//! Only vocabulary and merges are taken from the files; the steps are those of transformers, whatever a
//! `tokenizer.json` says: NFC, white space to single spaces, lower case, split by CLIP's expression, byte-level
//! BPE. <https://github.com/huggingface/transformers/blob/main/src/transformers/models/clip/tokenization_clip.py>

use std::collections::BTreeMap;
use std::path::Path;

use blake3::Hash;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{Lowercase, NFC, Replace, Sequence as Normalizers, replace::ReplacePattern};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence as PreTokenizers;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{Model, SplitDelimiterBehavior};

use crate::choice::PromptOptions;
use crate::tensors::LoadError;
use crate::tensors::texts::Texts;
use crate::text::weighted::{self, Part};
use chunks::{CHUNK_TOKENS, Token};
use files::{Files, OLDER};

mod chunks;
mod clip;
mod files;

pub use chunks::Chunk;
pub(crate) use files::NAMES;
pub use files::PROMPT_TOKENS;

const PIECES: &str = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Opens the tokenizer in `folder`, which is called `name` in a diffusers folder. Adds the hashes of the files that the
/// model's hash depends on to `hashes`, by their names in the diffusers folder.
///
/// # Errors
/// As [`Tokenizer::load`].
pub(crate) fn open(folder: &Path, name: &str, hashes: &mut BTreeMap<String, Hash>) -> Result<Tokenizer, LoadError> {
    read(&Texts::of(folder, &NAMES)?, name, hashes)
}

/// The same with CLIP's own vocabulary, for prompts that are filled up with the token `padding`.
///
/// # Errors
/// As [`Tokenizer::load`].
pub(crate) fn of_clip(padding: &str, name: &str, hashes: &mut BTreeMap<String, Hash>) -> Result<Tokenizer, LoadError> {
    read(&clip::texts(padding)?, name, hashes)
}

fn read(texts: &Texts, name: &str, hashes: &mut BTreeMap<String, Hash>) -> Result<Tokenizer, LoadError> {
    let tokenizer = Tokenizer::from_texts(texts)?;
    let files = texts.hashes("").filter(|(file, _)| tokenizer.depends_on(file));
    hashes.extend(files.map(|(file, hash)| (format!("{name}/{file}"), hash)));
    Ok(tokenizer)
}

/// Turns prompts into token ids.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    begin: u32,
    end: u32,
    pad: u32,
    unknown: u32,
    /// The comma as a word of its own, if the vocabulary has it.
    comma: Option<u32>,
    warnings: Vec<String>,
    /// Whether the older files say more than the others.
    older_matter: bool,
}

impl Tokenizer {
    /// Reads a diffusers `tokenizer` folder: `tokenizer.json`, or `vocab.json` and `merges.txt`, and the names
    /// of the special tokens from `tokenizer_config.json` or `special_tokens_map.json`.
    ///
    /// # Errors
    /// Names the file that is missing or not valid.
    pub fn load(folder: &Path) -> Result<Self, LoadError> {
        Self::from_texts(&Texts::of(folder, &NAMES)?)
    }

    /// The same from files that were read already.
    ///
    /// # Errors
    /// As [`Tokenizer::load`].
    pub(crate) fn from_texts(texts: &Texts) -> Result<Self, LoadError> {
        let files = Files::of(texts)?;
        let older_matter = match Files::of(&texts.without(&OLDER)) {
            Ok(others) => others.tokens() != files.tokens(),
            Err(_) => true,
        };
        let invalid = |reason: String| LoadError::Invalid { file: files.source.clone(), reason };
        let model = BPE::builder()
            .vocab_and_merges(files.vocab, files.merges)
            .unk_token(files.special.unknown.content.clone())
            .continuing_subword_prefix(String::new())
            .end_of_word_suffix("</w>".to_owned())
            .build()
            .map_err(|e| invalid(e.to_string()))?;
        // A character outside a small vocabulary becomes this token, which must exist for `encode` never to fail.
        if model.token_to_id(&files.special.unknown.content).is_none() {
            return Err(invalid(format!("the vocabulary has no {:?}", files.special.unknown.content)));
        }
        let mut inner = tokenizers::Tokenizer::new(model);
        let build = || -> tokenizers::Result<_> {
            let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ")?;
            let split = Split::new(SplitPattern::Regex(PIECES.to_owned()), SplitDelimiterBehavior::Removed, true)?;
            Ok((spaces, split))
        };
        let (spaces, split) = build().map_err(|e| invalid(e.to_string()))?;
        inner.with_normalizer(Some(Normalizers::new(vec![NFC.into(), spaces.into(), Lowercase.into()])));
        let bytes = ByteLevel::new(false, true, true);
        inner.with_pre_tokenizer(Some(PreTokenizers::new(vec![split.into(), bytes.into()])));
        inner.add_tokens(&files.added);
        let id = |token: &str| {
            inner.token_to_id(token).ok_or_else(|| invalid(format!("the vocabulary has no special token {token:?}")))
        };
        let (begin, end) = (id(&files.special.begin.content)?, id(&files.special.end.content)?);
        let pad = id(&files.special.pad.content)?;
        let unknown = id(&files.special.unknown.content)?;
        let comma = inner.token_to_id(",</w>");
        Ok(Self { inner, begin, end, pad, unknown, comma, warnings: files.warnings, older_matter })
    }

    /// What the user should know of the tokenizer's files, each a plain sentence.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether a file of the tokenizer's folder must be part of the model's hash. Files that only repeat what others
    /// say need not be.
    fn depends_on(&self, file: &str) -> bool {
        self.older_matter || !OLDER.contains(&file)
    }

    /// The ids of `prompt`, always [`PROMPT_TOKENS`]: begin, the prompt cut to 75 tokens, end, padding.
    #[must_use]
    pub fn encode(&self, prompt: &str) -> Vec<u32> {
        self.frame(self.pieces(prompt).get_ids())
    }

    fn frame(&self, pieces: &[u32]) -> Vec<u32> {
        let mut ids = vec![self.begin];
        ids.extend(pieces.iter().take(CHUNK_TOKENS));
        ids.push(self.end);
        ids.resize(PROMPT_TOKENS, self.pad);
        ids
    }

    /// Tokens of `prompt` with begin and end, not cut: more than [`PROMPT_TOKENS`] means that the model will not
    /// see all of it.
    #[must_use]
    pub fn token_count(&self, prompt: &str) -> usize {
        self.pieces(prompt).len() + 2
    }

    /// What the model gets to see of `prompt`, read with these options.
    #[must_use]
    pub fn read(&self, prompt: &str, options: &PromptOptions) -> Reading {
        let parts = weighted::parts(prompt, options.prompt_weights, options.long_prompts);
        let tokens = self.tokens(&parts);
        let strange = |token: &&Token| token.id == Some(self.unknown);
        let text = |token: &Token| prompt.get(token.begin..token.end).unwrap_or_default();
        let mut chunks = chunks::of(&tokens, self.comma);
        let mut cut = None;
        if !options.long_prompts {
            cut = tokens.get(CHUNK_TOKENS).map(|token| token.begin);
            chunks = vec![tokens.into_iter().take(CHUNK_TOKENS).collect()];
        }
        // Somebody may really write `<|endoftext|>`.
        let unknown = chunks.iter().flatten().filter(strange).map(text).filter(|text| !text.contains("<|"));
        Reading {
            unknown: unknown.map(str::to_owned).collect(),
            cut,
            chunks: chunks.iter().map(|tokens| self.chunk(tokens)).collect(),
        }
    }

    /// A chunk without a prompt, as it fills up shorter prompts of a batch.
    #[must_use]
    pub fn empty_chunk(&self) -> Chunk {
        self.chunk(&[])
    }

    fn chunk(&self, tokens: &[Token]) -> Chunk {
        let ids: Vec<u32> = tokens.iter().filter_map(|token| token.id).collect();
        let mut weights = vec![1.0; PROMPT_TOKENS];
        for (weight, token) in weights[1..].iter_mut().zip(tokens) {
            *weight = token.weight;
        }
        Chunk { ids: self.frame(&ids), weights }
    }

    /// The tokens of the parts of a prompt, each part read alone, as A1111 does it.
    fn tokens(&self, parts: &[Part]) -> Vec<Token> {
        let mut tokens = Vec::new();
        for part in parts {
            if part.is_break() {
                tokens.push(Token { id: None, weight: 1.0, begin: part.place(0), end: part.place(0) });
                continue;
            }
            // A token may begin or end between the bytes of one letter.
            let letter = |at: usize| (0..=at.min(part.text.len())).rev().find(|at| part.text.is_char_boundary(*at));
            let pieces = self.pieces(&part.text);
            for (id, (begin, end)) in pieces.get_ids().iter().zip(pieces.get_offsets()) {
                let begin = letter(*begin).unwrap_or_default();
                // The last letter's place, because brackets may stand behind it.
                let last = part.text.get(begin..*end).and_then(|text| text.char_indices().next_back());
                let end = last.map_or(part.place(begin), |(at, c)| part.place(begin + at) + c.len_utf8());
                tokens.push(Token { id: Some(*id), weight: part.weight as f32, begin: part.place(begin), end });
            }
        }
        tokens
    }

    /// The largest id that [`encode`](Self::encode) can return; the text encoder must have more rows than this.
    #[must_use]
    pub fn largest_id(&self) -> u32 {
        self.inner.get_vocab(true).into_values().max().unwrap_or(0)
    }

    fn pieces(&self, prompt: &str) -> tokenizers::Encoding {
        // BPE fails only without an unknown token, and `load` checked that there is one. The expressions have
        // neither look-around nor back-references on text that has two white spaces in a row.
        self.inner.encode(prompt, false).expect("CLIP's tokenizer accepts every string")
    }
}

/// What a model sees of a prompt. Two prompts with the same chunks give the same images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// What the text encoder gets, one after the other.
    pub chunks: Vec<Chunk>,
    /// Where in the prompt (in bytes) the part begins that does not fit and is not seen.
    pub cut: Option<usize>,
    /// What the vocabulary has no token for; small vocabularies lack letters.
    pub unknown: Vec<String>,
}

impl Reading {
    /// The part of the prompt that the model does not see.
    #[must_use]
    pub fn lost<'a>(&self, prompt: &'a str) -> Option<&'a str> {
        prompt.get(self.cut?..)
    }
}
