//! What the metadata of a file says of its training.

use std::collections::BTreeMap;

/// What people ask for, and the keys that have it in files of sd-scripts, LyCORIS, ModelSpec and this program, in the
/// order in which they are believed.
const FACTS: [(&str, &[&str]); 12] = [
    ("title", &["modelspec.title", "ss_output_name"]),
    ("trigger", &["modelspec.trigger_phrase"]),
    ("usage hint", &["modelspec.usage_hint"]),
    ("base model", &["ss_sd_model_name", "ss_base_model_version", "modelspec.architecture"]),
    ("photos", &["ss_num_train_images"]),
    ("steps", &["ss_steps", "ss_max_train_steps"]),
    ("epochs", &["ss_epoch", "ss_num_epochs"]),
    ("resolution", &["ss_resolution", "modelspec.resolution"]),
    ("rate", &["ss_unet_lr", "ss_learning_rate"]),
    ("optimizer", &["ss_optimizer"]),
    ("method", &["ss_network_module"]),
    ("author", &["modelspec.author"]),
];

/// What the metadata says of the training, in this order: what it is, and the file's word.
pub(super) fn facts(metadata: &BTreeMap<String, String>) -> Vec<(&'static str, String)> {
    let known = |value: &&String| !value.is_empty() && *value != "None";
    let found = |keys: &[&str]| keys.iter().find_map(|key| metadata.get(*key).filter(known).cloned());
    FACTS.iter().filter_map(|(what, keys)| Some((*what, found(keys)?))).collect()
}
