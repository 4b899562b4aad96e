//! The laws of the store: all or nothing, one worker, nothing damaged is used.

use super::*;
use crate::stage::Stage;
use std::{collections::BTreeSet, fs, path::Path};

mod attempts;
mod commits;
mod damage;
mod leases;
mod records;

fn made() -> Made {
    Made { seconds: 1.5, device: "cpu".into(), threads: 2 }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("r/.store")).unwrap();
    (folder, store)
}

fn inputs(n: u32) -> KeyInputs {
    KeyInputs::new().with("n", n).with("rate", 1e-4)
}

fn work(store: &Store, inputs: &KeyInputs) -> Workspace {
    match store.claim(Stage::Train, inputs).unwrap() {
        Claim::Work(workspace) => workspace,
        other => panic!("{other:?}"),
    }
}

fn commit(store: &Store, inputs: &KeyInputs) -> Artifact {
    let w = work(store, inputs);
    w.write("adapter.bin", b"weights").unwrap();
    w.write("images/0.png", b"png").unwrap();
    w.write("checkpoint/state", b"moments").unwrap();
    w.commit(&made()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().map(Result::unwrap) {
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A name and what is done to a file.
type Harm = (&'static str, fn(&Path));

/// What a clean-up job, an editor or a disk may do to work in progress.
const HARMS: [Harm; 7] = [
    ("flipped", |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[0] ^= 1;
        fs::write(path, bytes).unwrap();
    }),
    ("cut", |path| fs::write(path, &fs::read(path).unwrap()[1..]).unwrap()),
    ("longer", |path| fs::write(path, [&fs::read(path).unwrap()[..], b"x"].concat()).unwrap()),
    ("emptied", |path| fs::write(path, b"").unwrap()),
    ("removed", |path| fs::remove_file(path).unwrap()),
    ("a folder", |path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
    ("with its folder", |path| fs::remove_dir_all(path.parent().unwrap()).unwrap()),
];

fn w_key() -> Key {
    inputs(1).key(Stage::Train)
}
