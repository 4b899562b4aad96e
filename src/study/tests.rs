//! Planning without the device, the network or the model a study was made with.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::choice::DeviceClass;
use crate::event::Event;
use crate::experiment::Overrides;
use crate::plan::JobStatus;
use crate::store::{Claim, Made, Store};
use crate::worker::StopFlag;

/// A folder with the file of a study of one cell.
fn project() -> (tempfile::TempDir, PathBuf) {
    let root = env!("CARGO_MANIFEST_DIR");
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[model]\nbase = \"{root}/experiments/models/toyworld\"\n[subject]\nidentifier = \"aawxbc\"\nclass = \"toy\"\n\
         [dataset]\nimages = \"{root}/experiments/data/shinchan\"\nsize = 2\nheld_out = 1\nresolution = 64\n\
         [train]\nsteps = 3\n[generate]\nprompts = [\"a {{identifier}}\"]\n"
    );
    let file = folder.path().join("study.toml");
    fs::write(&file, text).unwrap();
    (folder, file)
}

fn resolve(file: &Path, set: &[&str], class: Option<DeviceClass>) -> Resolved {
    let overrides = Overrides { set: set.iter().map(|&text| text.to_owned()).collect(), ..Overrides::default() };
    let study = Study::read(file, &overrides).unwrap();
    let store = file.with_file_name("store");
    let (observer, stop) = (|_: &Event| {}, StopFlag::new());
    let hub = HubAccess::CacheOrAbsent;
    let lookup = Lookup { store: &store, hub, device_class: class, observer: &observer, stop: &stop };
    study.resolve(&lookup).unwrap()
}

/// Fills the store as a run on that class of devices would, but with empty results.
fn fake_run(file: &Path, class: DeviceClass) {
    let store = Store::open(&file.with_file_name("store")).unwrap();
    for job in &resolve(file, &[], Some(class)).plan.jobs {
        let Claim::Work(workspace) = store.claim(job.stage, &job.inputs.key_inputs()).unwrap() else {
            panic!("{}", job.stage)
        };
        let made = Made { seconds: 1.0, device: class.to_string(), threads: 1 };
        workspace.commit(&made).unwrap();
    }
}

fn all_cached(resolved: &Resolved, file: &Path) -> bool {
    let statuses = resolved.status(&Store::reader(&file.with_file_name("store"))).unwrap();
    statuses.iter().all(|status| *status == JobStatus::Cached)
}

#[test]
fn a_study_made_on_a_gpu_is_found_where_there_is_none() {
    let (_folder, file) = project();
    fake_run(&file, DeviceClass::Cuda);
    // `model.device` is `auto` here: the store knows.
    let resolved = resolve(&file, &[], None);
    assert_eq!(resolved.device_class, DeviceClass::Cuda);
    assert!(all_cached(&resolved, &file));
    // What the file names wins over the store, and is not opened.
    let named = resolve(&file, &["model.device=\"cuda:1\""], None);
    assert_eq!(named.device_class, DeviceClass::Cuda);
    assert!(all_cached(&named, &file));
    assert_eq!(resolve(&file, &["model.device=\"cpu\""], None).device_class, DeviceClass::Cpu);
    // The caller wins over both.
    let asked = resolve(&file, &["model.device=\"cuda\""], Some(DeviceClass::Metal));
    assert_eq!(asked.device_class, DeviceClass::Metal);
    assert!(!all_cached(&asked, &file));
    // An edited study keeps the class of what it shares with the stored one.
    assert_eq!(resolve(&file, &["train.rank=3"], None).device_class, DeviceClass::Cuda);
}

#[test]
fn a_new_study_is_planned_for_this_machine() {
    let (_folder, file) = project();
    assert_eq!(resolve(&file, &[], None).device_class, crate::worker::device::likely_class());
}

#[test]
fn hashes_of_weights_are_remembered() {
    let (_folder, file) = project();
    fs::create_dir(file.with_file_name("store")).unwrap();
    let base = |resolved: &Resolved| resolved.whole.jobs[0].inputs.key_inputs().0["model.base"].clone();
    let first = base(&resolve(&file, &[], Some(DeviceClass::Cpu)));
    let text = fs::read_to_string(file.with_file_name("store").join(".hashes.json")).unwrap();
    assert!(text.contains("toyworld/unet/diffusion_pytorch_model.safetensors"), "{text}");
    assert_eq!(base(&resolve(&file, &[], Some(DeviceClass::Cpu))), first);
}

#[test]
fn a_vae_from_elsewhere_makes_another_model() {
    let (_folder, file) = project();
    let vae = |text: &str| format!("model.vae=\"{}/{text}\"", env!("CARGO_MANIFEST_DIR"));
    let base = |set: &[&str]| {
        let resolved = resolve(&file, set, Some(DeviceClass::Cpu));
        let model = resolved.models.values().next().unwrap().about();
        (resolved.whole.jobs[0].inputs.key_inputs().0["model.base"].clone(), model)
    };
    let (own, line) = base(&[]);
    assert!(line.contains("in a diffusers folder") && !line.contains("with the VAE"), "{line}");
    let (other, line) = base(&[&vae("tests/golden/models/sd1/vae")]);
    assert!(line.contains("with the VAE of") && line.contains("sd1/vae"), "{line}");
    assert_ne!(other, own);
    // The same content is the same model, wherever it lies.
    assert_eq!(base(&[&vae("tests/golden/models/sd1")]).0, other);
    assert_eq!(base(&[&vae("experiments/models/toyworld")]).0, own);
}
