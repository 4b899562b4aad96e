//! Folders, models and names of studies.

use insta::assert_snapshot;

use crate::experiment::tests::errors;

#[test]
fn name_with_path_characters() {
    assert_snapshot!(errors("name = \"../../etc\""), @r#"
    study.toml:2:8: `name` cannot be "../../etc"
     2 | name = "../../etc"
       |        ^^^^^^^^^^^ expected letters, digits, `-`, `_` and `.`, at most 64
       = it becomes the folder reports/<name>; the title may hold anything
    "#);
    for name in [".store", "-x", "a b", "con", "COM1.txt", "", "x.", "a\\\\b"] {
        errors(&format!("name = \"{name}\""));
    }
}

#[test]
fn missing_folders() {
    assert_snapshot!(errors("[model]\nbase = \"./modle\"\n[dataset]\nimages = [\"photos\", \"more_photos\", \"~/x\"]"), @r#"
    study.toml:3:8: `model.base`: ./modle does not exist
     3 | base = "./modle"
       |        ^^^^^^^^^ expected a diffusers folder, a .safetensors file or a Hub id such as owner/name or owner/name@revision
       = did you mean `./model`?
       = paths are relative to the file that names them

    study.toml:5:21: `dataset.images`: more_photos does not exist
     5 | images = ["photos", "more_photos", "~/x"]
       |                     ^^^^^^^^^^^^^ expected a folder of photos
       = did you mean `more photos`?
       = paths are relative to the file that names them

    study.toml:5:36: `dataset.images`: ~/x does not exist
     5 | images = ["photos", "more_photos", "~/x"]
       |                                    ^^^^^ expected a folder of photos
       = `~` is not expanded: write the whole path
    "#);
}

#[test]
fn folder_that_is_no_model() {
    assert_snapshot!(errors("[model]\nbase = \"empty-model\""), @r#"
    study.toml:3:8: the folder empty-model has no model_index.json
     3 | base = "empty-model"
       |        ^^^^^^^^^^^^^ expected a diffusers folder, a .safetensors file or a Hub id such as owner/name or owner/name@revision
       = give the folder of the whole pipeline, with unet, vae, text_encoder, tokenizer and scheduler
    "#);
}

#[test]
fn pickle_is_refused() {
    assert_snapshot!(errors("[model]\nbase = \"weights.ckpt\""), @r#"
    study.toml:3:8: weights.ckpt is not a .safetensors file
     3 | base = "weights.ckpt"
       |        ^^^^^^^^^^^^^^ expected a diffusers folder, a .safetensors file or a Hub id such as owner/name or owner/name@revision
       = pickles can run code when they are opened: look for the .safetensors version of the file, or convert it with PyTorch, which runs no code of the file this way: python -c "import torch; from safetensors.torch import save_file; w = torch.load('weights.ckpt', map_location='cpu', weights_only=True); w = w.get('state_dict', w); save_file({k: v.clone().contiguous() for k, v in w.items() if torch.is_tensor(v)}, 'weights.safetensors')"
    "#);
}

#[test]
fn neither_path_nor_hub_id() {
    assert_snapshot!(errors("[model]\nbase = \"stable diffusion\""), @r#"
    study.toml:3:8: `model.base` is neither a path that exists nor a Hub id: "stable diffusion"
     3 | base = "stable diffusion"
       |        ^^^^^^^^^^^^^^^^^^ expected a diffusers folder, a .safetensors file or a Hub id such as owner/name or owner/name@revision
    "#);
}
