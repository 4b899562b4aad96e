//! What an unfinished piece of work says it has written.

use runner::stage::Stage;
use runner::store::{Claim, KeyInputs, Store};
use serde_json::json;

use crate::files::Files;
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;

/// Written, half written, and only noted.
const NAMES: [&str; 3] = ["loss.csv", "images/a.png", "checkpoint/state"];

#[test]
fn journal() {
    let files = Files::new();
    let inputs = KeyInputs::new().with("a", 1);
    let work = format!(".work/train-{}", inputs.key(Stage::Train));
    let content = [&b"step,loss\n1,0.5\n"[..], b"\x89PNG", b""];
    let line = |(name, bytes): (&&str, &&[u8])| {
        let hash = blake3::hash(bytes).to_hex();
        format!("\n{}", json!({"name": name, "bytes": bytes.len(), "blake3": hash.as_str()}))
    };
    let journal: String = NAMES.iter().zip(&content).map(line).collect();
    let seed = vec![journal.into_bytes(), content[0].to_vec()];
    let parts = &[Kind::Text, Kind::Text];
    let store = Store::open(files.folder()).expect("a store");
    fuzz(Target { name: "journal", parts, seeds: vec![seed], inputs: 1500, memory: MEMORY }, |input| {
        files.remove(&work);
        files.put(&format!("{work}/.journal"), &input[0]);
        files.put(&format!("{work}/{}", NAMES[0]), &input[1]);
        files.put(&format!("{work}/{}", NAMES[1]), content[1]);
        match store.claim(Stage::Train, &inputs) {
            Ok(Claim::Work(workspace)) => {
                let read = |name| match workspace.read(name) {
                    Ok(None) => "none",
                    Ok(Some(bytes)) => {
                        let is_as_written = bytes == input[1] || bytes == content[1] || bytes.is_empty();
                        assert!(is_as_written, "{name} has a content that nobody wrote");
                        "read"
                    }
                    Err(_) => "damaged",
                };
                NAMES.map(read).join(" ")
            }
            Ok(Claim::Done(_)) => "done".to_owned(),
            Ok(Claim::Busy) => panic!("nobody else works here"),
            Err(error) => error.to_string(),
        }
    });
}
