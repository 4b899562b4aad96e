//! The files of a tokenizer folder, and prompts through what they make.

use runner::models::Tokenizer;

use crate::files::{Files, golden};
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;
use crate::watch::Input;

const NAMES: [&str; 6] = [
    "vocab.json",
    "merges.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.json",
];

/// A vocabulary of a few words, so that an input is fast.
fn small() -> Input {
    let vocab = concat!(
        r#"{"a":0,"b":1,"c":2,"a</w>":3,"b</w>":4,"c</w>":5,"ab":6,"ab</w>":7,"abc</w>":8,"Ã":9,"©</w>":10,"#,
        r#""<|startoftext|>":11,"<|endoftext|>":12}"#,
    );
    let merges = "#version: 0.2\na b\na b</w>\nab c</w>\n";
    let config = concat!(
        r#"{"bos_token":"<|startoftext|>","#,
        r#""eos_token":{"content":"<|endoftext|>","lstrip":false,"normalized":true,"rstrip":true,"single_word":true},"#,
        r#""pad_token":"!","unk_token":"<|endoftext|>","model_max_length":77,"#,
        r#""added_tokens_decoder":{"12":{"content":"<|endoftext|>","special":true},"#,
        r#""13":{"content":"x y","normalized":true}}}"#,
    );
    let map = concat!(
        r#"{"bos_token":"<|startoftext|>","eos_token":"<|endoftext|>","#,
        r#""unk_token":{"content":"<|endoftext|>","single_word":false}}"#,
    );
    let added = r#"{"<new>": 14, "b c": 15}"#;
    let prompt = "ab abc é A'S <|endoftext|> <new> b  c 12 x y";
    [vocab, merges, config, map, added, "", prompt].map(|part| part.as_bytes().to_vec()).to_vec()
}

#[test]
fn tokenizers() {
    let files = Files::new();
    let mut without_decoder = small();
    without_decoder[2] = br#"{"pad_token":"a"}"#.to_vec();
    let mut fast = small();
    fast[5] = concat!(
        r#"{"added_tokens":[{"id":5,"content":"c</w>","special":true},{"id":20,"content":"q","lstrip":true}],"#,
        r#""model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<|startoftext|>":3,"<|endoftext|>":4},"#,
        r#""merges":["a b",["a","b"]]}}"#,
    )
    .as_bytes()
    .to_vec();
    let mut real = small();
    for (part, name) in real.iter_mut().zip(&NAMES[..4]) {
        *part = golden(&format!("models/sd1/tokenizer/{name}"));
    }
    let target = Target {
        name: "tokenizers",
        parts: &[Kind::Json, Kind::Text, Kind::Json, Kind::Json, Kind::Json, Kind::Json, Kind::Text],
        seeds: vec![small(), without_decoder, fast, real],
        inputs: 1500,
        memory: MEMORY,
    };
    fuzz(target, |input| {
        for (name, part) in NAMES.into_iter().zip(input) {
            files.put_or_remove(name, part);
        }
        match Tokenizer::load(files.folder()) {
            Err(error) => error.to_string(),
            Ok(tokenizer) => {
                // An experiment file allows no longer ones.
                let prompt: String = String::from_utf8_lossy(&input[NAMES.len()]).chars().take(10_000).collect();
                let (ids, largest) = (tokenizer.encode(&prompt), tokenizer.largest_id());
                assert!(ids.iter().all(|id| *id <= largest), "an id beyond the largest");
                "b".repeat(tokenizer.token_count(&prompt).min(40))
            }
        }
    });
}
