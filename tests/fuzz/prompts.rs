//! Prompts of any text through a good tokenizer.

use runner::models::Tokenizer;
use runner::models::tokenizer::PROMPT_TOKENS;

use crate::files::golden_path;
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;

#[test]
fn prompts() {
    let tokenizer = Tokenizer::load(&golden_path("models/sd1/tokenizer")).expect("a tokenizer");
    let largest = tokenizer.largest_id();
    let seeds =
        ["a photo of aawxbc figurine", "it's <|endoftext|> 3 🦆 naïve É", "  \t\n ", "漫画, (best quality:1.2)"];
    let seeds = seeds.map(|seed| vec![seed.as_bytes().to_vec()]).to_vec();
    fuzz(Target { name: "prompts", parts: &[Kind::Text], seeds, inputs: 600, memory: MEMORY }, |input| {
        // An experiment file allows no longer ones.
        let text: String = String::from_utf8_lossy(&input[0]).chars().take(10_000).collect();
        let ids = tokenizer.encode(&text);
        assert_eq!(ids.len(), PROMPT_TOKENS);
        assert!(ids.iter().all(|id| *id <= largest));
        format!(
            "{} {}",
            "a".repeat(tokenizer.token_count(&text).min(80)),
            "b".repeat(ids.iter().max().map_or(0, |id| *id as usize / 64))
        )
    });
}
