//! Layers that are left out as diffusers does it, and long and weighted prompts as A1111's web UI reads them; made by
//! `tests/golden/prompts/make.py`.

use runner::choice::PromptOptions;

use super::*;

#[derive(serde::Deserialize)]
struct Case {
    prompt: String,
    #[serde(flatten)]
    options: PromptOptions,
}

#[test]
fn prompts_are_read_with_both_text_encoders() {
    let model = model();
    let expected = tensors("../prompts/sdxl.safetensors");
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(golden("../prompts/sdxl.json")).unwrap()).unwrap();
    for (index, Case { prompt, options }) in cases.iter().enumerate() {
        let read = model.prompts.encode(prompt, options, &LoraSet::empty(), device()).unwrap();
        let count = read.token_count().unwrap();
        let rows: Vec<Tensor> = (0..count).step_by(12).map(|row| read.tokens.narrow(1, row, 1).unwrap()).collect();
        let rows = Tensor::cat(&rows, 1).unwrap().squeeze(0).unwrap();
        close(&format!("tokens of {index}"), &rows, &expected[&format!("{index} tokens")], 1e-5);
        close("pooled", read.pooled.as_ref().unwrap(), &expected[&format!("{index} pooled")], 1e-5);
    }
    assert_eq!(cases.len(), 3);
}

#[test]
fn the_first_chunk_is_pooled_and_an_empty_negative_prompt_is_zeros_of_that_length() {
    let model = model();
    let long = PromptOptions { long_prompts: true, ..PromptOptions::default() };
    let plain = model.encode_prompt("a red house", &LoraSet::empty()).unwrap();
    let pair = ["a red house BREAK sky", ""];
    let [shown, hidden] = model.prompts.encode_both(pair, &long, &LoraSet::empty(), device()).unwrap();
    assert_eq!(numbers(shown.pooled.as_ref().unwrap()), numbers(plain.pooled.as_ref().unwrap()));
    assert_eq!(numbers(&shown.tokens.narrow(1, 0, 77).unwrap()), numbers(&plain.tokens));
    assert_eq!(shown.token_count().unwrap(), 154);
    assert_eq!(hidden.shapes(), shown.shapes());
    assert!(hidden.tensors().iter().all(|(_, tensor)| numbers(tensor).iter().all(|x| *x == 0.0)));
}
