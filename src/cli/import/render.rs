//! The files of a benchmark: the recipe, an experiment for each subject, and how to run them.

use std::fmt::Write as _;

use anyhow::Context as _;

use super::subjects::Subject;
use crate::experiment::is_setting;

/// The recipe that all experiments extend; `experiments/dreambooth.toml` of the repository.
const RECIPE: &str = include_str!("../../../experiments/dreambooth.toml");
/// The recipe's file.
pub(super) const RECIPE_FILE: &str = "dreambooth.toml";
/// The encoders of the paper's measures: DINO ViT-S/16 and CLIP ViT-B/32.
const ENCODERS: &str = r#"
[evaluate]
encoders = [                    # the paper's DINO, and its CLIP-I and CLIP-T
    { name = "dino", model = "facebook/dino-vits16", for = ["identity"] },
    { name = "clip", model = "openai/clip-vit-base-patch32", for = ["identity", "prompt"] },
]
"#;

/// The recipe. It names encoders if this program has the setting.
pub(super) fn recipe() -> String {
    let encoders = if is_setting("evaluate.encoders") { ENCODERS } else { "" };
    format!("{RECIPE}{encoders}")
}

/// The experiment of one subject.
///
/// # Errors
/// A folder whose path is not UTF-8.
pub(super) fn experiment(subject: &Subject, prompts: &[String]) -> anyhow::Result<String> {
    let path = subject.folder.to_str();
    let path = path.with_context(|| format!("{}: the path is not UTF-8", subject.folder.display()))?;
    let text = |text: &str| toml::Value::from(text).to_string();
    let Subject { name, class, photos, .. } = subject;
    let mut file = format!(
        "# Written by `runner import dreambooth`.\nextends = \"{RECIPE_FILE}\"\nname = \"dreambooth-{name}\"\n\
         title = \"DreamBooth benchmark: {name}\"\n\n[subject]\nclass = {}\n\n[dataset]\nimages = {}\n\
         size = {photos}\n\n[generate]\nprompts = [\n",
        text(class),
        text(path)
    );
    for prompt in prompts {
        let _ = writeln!(file, "    {},", text(prompt));
    }
    Ok(file + "]\n")
}

/// How to run all experiments.
pub(super) fn readme(subjects: &[Subject]) -> String {
    let names: Vec<&str> = subjects.iter().map(|subject| subject.name.as_str()).collect();
    format!(
        "# DreamBooth benchmark\n\nWritten by `runner import dreambooth`: an experiment for each subject. \
         `{RECIPE_FILE}` is what they have in common.\n\nRun all of them from this folder; a run that was stopped goes \
         on:\n\n```sh\nfor subject in {}; do runner \"$subject.toml\" || break; done\n```\n\n\
         The paper's DINO is `identity_train`, its CLIP-I is `identity_train@clip`, and its CLIP-T is \
         `prompt_following` in `reports/dreambooth-<subject>/`.\n",
        names.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_texts_are_quoted() {
        let subject = Subject {
            name: "duck".into(),
            class: "toy \"x\" \\ y".into(),
            folder: "/a b/\"c\"\n[train]".into(),
            photos: 4,
        };
        let text = experiment(&subject, &["a \"{identifier}\" \\".to_owned()]).unwrap();
        let table: toml::Table = text.parse().unwrap();
        assert_eq!(table["subject"]["class"].as_str(), Some("toy \"x\" \\ y"));
        assert_eq!(table["dataset"]["images"].as_str(), Some("/a b/\"c\"\n[train]"));
        assert_eq!(table["generate"]["prompts"][0].as_str(), Some("a \"{identifier}\" \\"));
        assert!(!table.contains_key("train"));
    }

    #[test]
    fn the_readme_runs_every_subject() {
        let subject = |name: &str| Subject { name: name.into(), class: "c".into(), folder: "/".into(), photos: 1 };
        assert!(readme(&[subject("a"), subject("b")]).contains("for subject in a b; do runner"));
    }

    #[test]
    fn the_recipe_is_toml_with_the_encoders() {
        let table: toml::Table = format!("{RECIPE}{ENCODERS}").parse().unwrap();
        assert_eq!(table["evaluate"]["encoders"][1]["name"].as_str(), Some("clip"));
    }
}
