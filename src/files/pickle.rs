//! Python pickles, which can run any code when they are opened and are never read here: how they are told by their
//! names, and what to run instead.

use std::path::Path;

/// What the names of pickles with weights end with.
const ENDS: [&str; 4] = ["bin", "ckpt", "pt", "pth"];

/// Whether the name is one of a pickle with weights.
#[must_use]
pub fn is_pickle(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    end.is_some_and(|end| ENDS.iter().any(|known| end.eq_ignore_ascii_case(known)))
}

/// What to run to have one file of weights as safetensors; without the end of a sentence. PyTorch reads it with
/// `weights_only=True`, which builds tensors and runs nothing.
#[must_use]
pub fn convert_file(file: &Path) -> String {
    let new = file.with_extension("safetensors");
    // A pickle with the wrong name must not be written over.
    let new = if new == file { file.with_extension("converted.safetensors") } else { new };
    format!(
        "look for the .safetensors version of the file, or convert it with PyTorch, which runs no code of the file \
         this way: python -c \"import torch; from safetensors.torch import save_file; w = torch.load({}, \
         map_location='cpu', weights_only=True); w = w.get('state_dict', w); save_file({{k: v.clone().contiguous() for \
         k, v in w.items() if torch.is_tensor(v)}}, {})\"",
        python(file),
        python(&new)
    )
}

/// What to run to have a folder with safetensors; without the end of a sentence. A folder with `model_index.json` is
/// one of diffusers, every other one of transformers.
#[must_use]
pub fn convert_folder(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let (library, class) = match folder.join("model_index.json").is_file() {
        true => ("diffusers", "DiffusionPipeline"),
        false => ("transformers", "AutoModel"),
    };
    format!(
        "look for a version of the model with .safetensors files, or write one with {library}: python -c \"from \
         {library} import {class}; {class}.from_pretrained({}, use_safetensors=False).save_pretrained({})\"",
        python(folder),
        python(&folder.with_file_name(format!("{name}-safetensors")))
    )
}

/// A path as Python writes a text. One with a character that Python or a shell reads becomes a stand-in.
fn python(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text.contains(['\'', '"', '\\', '$', '`', '!']) || text.contains(char::is_control) {
        return "'PATH'".to_owned();
    }
    format!("'{text}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pickles_are_told_by_their_names() {
        for name in ["a.ckpt", "a/pytorch_model.bin", "x.PT", "x.pth"] {
            assert!(is_pickle(Path::new(name)), "{name}");
        }
        for name in ["a.safetensors", "bin", "ckpt", "a.bin.json"] {
            assert!(!is_pickle(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn the_command_names_the_files() {
        let said = convert_file(Path::new("/m/old model.ckpt"));
        assert!(said.contains("'/m/old model.ckpt'") && said.contains("'/m/old model.safetensors'"), "{said}");
        let said = convert_folder(Path::new("/m/old"));
        assert!(
            said.contains("AutoModel.from_pretrained('/m/old',") && said.contains("('/m/old-safetensors')"),
            "{said}"
        );
        let said = convert_file(Path::new("a'); import os #\".ckpt"));
        assert!(said.contains("'PATH'") && !said.contains("import os"), "{said}");
    }
}
