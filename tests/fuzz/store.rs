//! Manifests and failure records of a store that somebody wrote into.

use runner::stage::Stage;
use runner::store::{Found, KeyInputs, Store};
use serde_json::{Value, json};

use crate::files::Files;
use crate::harness::{MEMORY, Target, fuzz};
use crate::mutate::Kind;

#[test]
fn store() {
    let files = Files::new();
    let inputs = json!({"photos": ["ab", "cd"], "learning_rate": 1e-4, "model": {"unet": "00", "format": 1}});
    let manifest = json!({
        "store_version": 1, "stage": "train", "key": "", "inputs": inputs, "info": {"steps": 3},
        "created": "2026-01-01T00:00:00Z", "seconds": 1.5, "runner_version": "0.1.0", "device": "cpu", "threads": 2,
        "peak_memory_bytes": null,
        "files": {"adapter.safetensors": {"bytes": 3, "blake3": blake3::hash(b"abc").to_hex().as_str()}}
    });
    let failure = json!({"reason": "the loss is not finite", "when": "2026-01-01T00:00:00Z"});
    let seed = [&manifest, &failure].map(|part| part.to_string().into_bytes()).to_vec();
    let target =
        Target { name: "store", parts: &[Kind::Json, Kind::Json], seeds: vec![seed], inputs: 5000, memory: MEMORY };
    fuzz(target, |input| {
        // The key is put right where it can be: it is the first thing that is checked.
        let mut text = input[0].clone();
        let mut key = KeyInputs::new().key(Stage::Train);
        if let Ok(mut value) = serde_json::from_slice::<Value>(&text)
            && let Some(inputs) = value.get("inputs").and_then(|i| serde_json::from_value::<KeyInputs>(i.clone()).ok())
            && value.get("key").is_some_and(|key| *key == "")
        {
            key = inputs.key(Stage::Train);
            value["key"] = json!(key);
            text = value.to_string().into_bytes();
        }
        let folder = format!("train/{key}");
        files.put(&format!("{folder}/manifest.json"), &text);
        files.put(&format!("{folder}/DONE"), format!("{}\n", blake3::hash(&text).to_hex()).as_bytes());
        files.put(&format!("{folder}/adapter.safetensors"), b"abc");
        files.put(&format!(".failed/train-{key}.json"), &input[1]);
        // A new one each time: it remembers what it has read.
        let store = Store::reader(files.folder());
        let found = match store.look(Stage::Train, &key) {
            Ok(Found::Done(artifact)) => {
                let read = artifact.manifest.files.keys().map(|name| artifact.read(name));
                read.map(|bytes| bytes.map_or_else(|e| e.to_string(), |_| "read".to_owned())).collect()
            }
            Ok(Found::Damaged(reason)) => reason,
            Ok(Found::Missing) => panic!("the folder is there"),
            Err(error) => error.to_string(),
        };
        let failed = store.failure(Stage::Train, &key).map_or_else(|e| e.to_string(), |f| format!("{}", f.is_some()));
        // Every key has folders of its own, which would fill the memory.
        files.remove(&folder);
        files.remove(&format!(".failed/train-{key}.json"));
        // The path stands before the first colon.
        format!("{} {failed}", found.split_once(": ").map_or(found.as_str(), |(_, reason)| reason))
    });
}
