//! Prompts of any text through a good tokenizer.

use runner::choice::PromptOptions;
use runner::models::tokenizer::PROMPT_TOKENS;
use runner::models::{Chunk, Tokenizer};

use crate::files::golden_path;
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;

#[test]
fn prompts() {
    let tokenizer = Tokenizer::load(&golden_path("models/sd1/tokenizer")).expect("a tokenizer");
    let largest = tokenizer.largest_id();
    let seeds = [
        "a photo of aawxbc figurine",
        "it's <|endoftext|> 3 🦆 naïve É",
        "  \t\n ",
        "漫画, (best quality:1.2)",
        "a BREAK ((b:2)) [c:.5) \\\\( BREAK",
    ];
    let seeds = seeds.map(|seed| vec![seed.as_bytes().to_vec()]).to_vec();
    fuzz(Target { name: "prompts", parts: &[Kind::Text], seeds, inputs: 600, memory: MEMORY }, |input| {
        // An experiment file allows no longer ones.
        let text: String = String::from_utf8_lossy(&input[0]).chars().take(10_000).collect();
        let ids = tokenizer.encode(&text);
        assert_eq!(ids.len(), PROMPT_TOKENS);
        assert!(ids.iter().all(|id| *id <= largest));
        for (long_prompts, prompt_weights) in [(false, false), (false, true), (true, false), (true, true)] {
            let options = PromptOptions { long_prompts, prompt_weights, clip_skip: 0 };
            let reading = tokenizer.read(&text, &options);
            let whole = |chunk: &Chunk| chunk.ids.len() == PROMPT_TOKENS && chunk.weights.len() == PROMPT_TOKENS;
            assert!(reading.chunks.iter().all(whole) && !reading.chunks.is_empty());
            assert!(long_prompts || reading.chunks.len() == 1);
            assert!(reading.cut.is_none_or(|at| text.is_char_boundary(at) && !long_prompts));
            assert!(prompt_weights || reading.chunks[0].weights.iter().all(|weight| *weight == 1.0));
        }
        format!(
            "{} {}",
            "a".repeat(tokenizer.token_count(&text).min(80)),
            "b".repeat(ids.iter().max().map_or(0, |id| *id as usize / 64))
        )
    });
}
