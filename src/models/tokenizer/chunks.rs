//! Prompts of any length in chunks, as A1111's web UI cuts them.
//!
//! Follows `tokenize_line` of stable-diffusion-webui 1.9.4
//! (<https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/feee37d/modules/sd_hijack_clip.py>) with its default
//! settings and without textual inversions.

use super::files::PROMPT_TOKENS;

/// Tokens of a chunk without its two markers.
pub(super) const CHUNK_TOKENS: usize = PROMPT_TOKENS - 2;

/// A chunk ends behind a comma, if there is one among so many last tokens (`comma_padding_backtrack`).
const BACKTRACK: usize = 20;

/// What the text encoder gets in one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chunk {
    /// [`PROMPT_TOKENS`] ids: begin, tokens, end, padding.
    pub ids: Vec<u32>,
    /// What the output of each token is multiplied by.
    pub weights: Vec<f32>,
}

/// A token of a prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Token {
    /// `None` for the end of a chunk that the prompt asks for.
    pub(super) id: Option<u32>,
    pub(super) weight: f32,
    /// Where it stands in the prompt, in bytes.
    pub(super) begin: usize,
    pub(super) end: usize,
}

/// The chunks of a prompt: at least one, each of at most 75 tokens.
pub(super) fn of(tokens: &[Token], comma: Option<u32>) -> Vec<Vec<Token>> {
    let (mut chunks, mut chunk) = (Vec::new(), Vec::new());
    let mut last_comma = None;
    for token in tokens {
        if token.id.is_none() {
            last_comma = None;
            chunks.push(std::mem::take(&mut chunk));
            continue;
        }
        if token.id == comma {
            last_comma = Some(chunk.len());
        } else if let Some(at) = last_comma.filter(|at| chunk.len() == CHUNK_TOKENS && CHUNK_TOKENS - at <= BACKTRACK) {
            let moved = chunk.split_off(at + 1);
            last_comma = None;
            chunks.push(std::mem::replace(&mut chunk, moved));
        }
        if chunk.len() == CHUNK_TOKENS {
            last_comma = None;
            chunks.push(std::mem::take(&mut chunk));
        }
        chunk.push(*token);
    }
    if !chunk.is_empty() || chunks.is_empty() {
        chunks.push(chunk);
    }
    chunks
}
