//! Token ids.

use super::*;

#[test]
fn tokens_equal_transformers() {
    let text = std::fs::read_to_string(root().join("tests/golden/models/tokens.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let prompts: Vec<&str> = golden["prompts"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert!(prompts.len() >= 50);
    for name in ["sd1", "sd2", "toyworld"] {
        let tokenizer = Tokenizer::load(&folder(name).join("tokenizer")).unwrap();
        for (i, prompt) in prompts.iter().enumerate() {
            let ids: Vec<String> = tokenizer.encode(prompt).iter().map(u32::to_string).collect();
            assert_eq!(ids.join(" "), golden[name]["ids"][i].as_str().unwrap(), "{name} {prompt:?}");
            assert_eq!(tokenizer.token_count(prompt) as u64, golden[name]["counts"][i].as_u64().unwrap());
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_prompt_gives_77_tokens(prompt in "\\PC{0,40}|[\\s\\S]{0,60}") {
        let tokenizer = Tokenizer::load(&folder("sd2").join("tokenizer")).unwrap();
        let ids = tokenizer.encode(&prompt);
        proptest::prop_assert_eq!(ids.len(), 77);
        proptest::prop_assert!(ids.iter().all(|id| *id <= tokenizer.largest_id()));
    }
}
