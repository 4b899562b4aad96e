//! `images.json` of a `baseline`, `class_images` or `generate` artifact: which images were made, and how.
//!
//! Format 1 had no `format` and no `prompt_index`; the index of a prompt is then taken from the name of the image file.

use serde::{Deserialize, Serialize};

use crate::experiment::settings::{Guidance, PromptOptions, Sampling};

/// The name of the file.
pub const FILE: &str = "images.json";
/// The format that this program writes; it reads this one and earlier ones.
pub const FORMAT: u32 = 2;

/// What an image is for; the first part of its file name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// `generate.baseline_prompts`: does the base model know the subject by name?
    Baseline,
    /// `generate.prompts`: with and without the adapter on the same noise.
    #[default]
    Prompt,
    /// `evaluate.drift_prompts`: must look the same with and without the adapter.
    Drift,
    /// Class images, for prior preservation.
    Class,
}

impl Group {
    const ALL: [Self; 4] = [Self::Baseline, Self::Prompt, Self::Drift, Self::Class];

    /// The word in file names.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Prompt => "prompt",
            Self::Drift => "drift",
            Self::Class => "class",
        }
    }
}

/// One image that exists or should exist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "StoredEntry")]
pub struct ImageEntry {
    /// Path inside the artifact.
    pub file: String,
    /// The whole prompt.
    pub prompt: String,
    /// Position of the prompt in the list of its group.
    pub prompt_index: usize,
    /// Seed of the starting noise.
    pub seed: u64,
    /// What it is for.
    pub group: Group,
    /// Width and height, if they are not those of the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<(usize, usize)>,
}

impl ImageEntry {
    /// Every prompt with every seed, in that order.
    #[must_use]
    pub fn all(group: Group, prompts: &[String], seeds: &[u64]) -> Vec<Self> {
        let mut entries = Vec::with_capacity(prompts.len() * seeds.len());
        for (prompt_index, prompt) in prompts.iter().enumerate() {
            for &seed in seeds {
                let file = ImageName { group, prompt_index, seed }.file();
                entries.push(Self { file, prompt: prompt.clone(), prompt_index, seed, group, size: None });
            }
        }
        entries
    }
}

/// An entry of any format.
#[derive(Deserialize)]
struct StoredEntry {
    file: String,
    prompt: String,
    prompt_index: Option<usize>,
    seed: u64,
    group: Group,
    size: Option<(usize, usize)>,
}

impl TryFrom<StoredEntry> for ImageEntry {
    type Error = String;

    fn try_from(stored: StoredEntry) -> Result<Self, String> {
        let StoredEntry { file, prompt, prompt_index, seed, group, size } = stored;
        let named = || ImageName::parse(&file).map(|name| name.prompt_index);
        match prompt_index.or_else(named) {
            Some(prompt_index) => Ok(Self { prompt_index, file, prompt, seed, group, size }),
            None => Err(format!("`{file}` is not the name of a generated image")),
        }
    }
}

/// What the name of an image file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageName {
    /// What the image is for.
    pub group: Group,
    /// Position of its prompt in the list of its group.
    pub prompt_index: usize,
    /// Seed of its starting noise.
    pub seed: u64,
}

impl ImageName {
    /// The path inside the artifact, e.g. `images/prompt_01_7.png`.
    #[must_use]
    pub fn file(self) -> String {
        let Self { group, prompt_index, seed } = self;
        format!("images/{}_{prompt_index:02}_{seed}.png", group.word())
    }

    /// Reads such a path; `None` if it is something else.
    #[must_use]
    pub fn parse(file: &str) -> Option<Self> {
        let (word, rest) = file.strip_prefix("images/")?.strip_suffix(".png")?.split_once('_')?;
        let (index, seed) = rest.split_once('_')?;
        let group = Group::ALL.into_iter().find(|group| group.word() == word)?;
        Some(Self { group, prompt_index: index.parse().ok()?, seed: seed.parse().ok()? })
    }
}

/// The content of the file. [`ImageList::size`] is the size of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageList {
    /// The format of the file, [`FORMAT`] at most.
    #[serde(default = "first_format", deserialize_with = "known_format")]
    pub format: u32,
    /// In the order they were asked for.
    pub images: Vec<ImageEntry>,
    /// How they were made.
    pub settings: ImageSettings,
}

impl ImageList {
    /// A list in the format of this program.
    #[must_use]
    pub fn new(images: Vec<ImageEntry>, settings: ImageSettings) -> Self {
        Self { format: FORMAT, images, settings }
    }

    /// Width and height of an image of the list.
    #[must_use]
    pub fn size(&self, entry: &ImageEntry) -> (usize, usize) {
        entry.size.unwrap_or((self.settings.width, self.settings.height))
    }
}

fn first_format() -> u32 {
    1
}

fn known_format<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        format @ ..=FORMAT => Ok(format),
        newer => {
            let message = format!("format {newer} is of a newer version; this one reads up to format {FORMAT}");
            Err(serde::de::Error::custom(message))
        }
    }
}

/// How the images of one list were made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct ImageSettings {
    #[serde(flatten)]
    pub sampling: Sampling,
    #[serde(flatten)]
    pub guidance: Guidance,
    pub negative_prompt: String,
    pub width: usize,
    pub height: usize,
    /// Multiplies the adapter; 0 for images of the base model.
    pub lora_scale: f64,
    #[serde(flatten)]
    pub reading: PromptOptions,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_prompts_times_seeds_with_stable_names() {
        let prompts = ["a cat".to_string(), "a dog".to_string()];
        let entries = ImageEntry::all(Group::Prompt, &prompts, &[3, 1]);
        let files: Vec<&str> = entries.iter().map(|entry| entry.file.as_str()).collect();
        assert_eq!(
            files,
            ["images/prompt_00_3.png", "images/prompt_00_1.png", "images/prompt_01_3.png", "images/prompt_01_1.png"]
        );
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for group in Group::ALL {
            let name = ImageName { group, prompt_index: 123, seed: 7 };
            assert_eq!(ImageName::parse(&name.file()), Some(name));
        }
        for bad in ["images/other_00_1.png", "prompt_00_1.png", "images/prompt_00_x.png", "images/../prompt_0_1.png"] {
            assert_eq!(ImageName::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_list_of_the_first_format_is_read() {
        let old = r#"{"images": [{"file": "images/drift_02_7.png", "prompt": "a dog", "seed": 7, "group": "drift"}],
            "settings": {"sampler": "ddim", "steps": 2, "guidance_scale": 1.0, "negative_prompt": "",
            "width": 8, "height": 8, "lora_scale": 1.0}}"#;
        let list: ImageList = serde_json::from_str(old).unwrap();
        assert_eq!((list.format, list.images[0].prompt_index), (1, 2));
        let error = serde_json::from_str::<ImageList>(&old.replace("drift_02", "x")).unwrap_err().to_string();
        assert!(error.contains("`images/x_7.png` is not the name of a generated image"), "{error}");
        let new = ImageList::new(list.images, list.settings);
        let read: ImageList = serde_json::from_str(&serde_json::to_string(&new).unwrap()).unwrap();
        assert_eq!(read, new);
        let newer = ImageList { format: FORMAT + 1, ..new };
        let error = serde_json::from_str::<ImageList>(&serde_json::to_string(&newer).unwrap()).unwrap_err();
        assert!(error.to_string().contains("a newer version"), "{error}");
    }
}
