//! Short names from the command line and from files: models on the Hub, keys, samplers.

use runner::choice::{ModelId, Sampler};
use runner::store::Key;

use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;

#[test]
fn names() {
    let seeds = ["owner/name@revision", "a-b.c_d/e@refs/pr/1", "0123456789abcdef0123456789abcdef", "dpm++2m-karras"];
    let seeds = seeds.map(|seed| vec![seed.as_bytes().to_vec()]).to_vec();
    fuzz(Target { name: "names", parts: &[Kind::Text], seeds, inputs: 20_000, memory: MEMORY }, |input| {
        let text = String::from_utf8_lossy(&input[0]);
        let id = match text.parse::<ModelId>() {
            Ok(id) => {
                assert!(!id.repo().contains("..") && !id.revision.split('/').any(|part| part.starts_with('.')), "{id}");
                assert_eq!(id.to_string().parse::<ModelId>().expect("it is read back"), id);
                "an id".to_owned()
            }
            // Without the name, which would make every message another outcome.
            Err(error) => error.to_string().replace(&*text, ""),
        };
        let sampler = text.parse::<Sampler>().is_ok();
        format!("{id} {sampler} {}", Key::parse(&text).is_some())
    });
}
