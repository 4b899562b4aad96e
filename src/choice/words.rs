//! A choice and its words.

/// A thing that a user chooses by a word.
pub trait Choice: Copy + PartialEq + 'static {
    /// What is chosen, for messages, e.g. `sampler`.
    const NOUN: &'static str;
    /// Every word with what it means, in the order in which help texts show them.
    const ALL: &'static [(&'static str, Self)];

    /// The word, e.g. `euler-a`.
    #[must_use]
    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, choice)| *choice == self).map_or("", |(word, _)| word)
    }

    /// Every word.
    fn words() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|(word, _)| *word)
    }

    /// What the word means.
    ///
    /// # Errors
    /// Nobody knows the word; the error says which words there are.
    fn from_word(word: &str) -> Result<Self, UnknownWord> {
        let known = Self::ALL.iter().find(|(known, _)| *known == word);
        known.map(|(_, choice)| *choice).ok_or_else(|| UnknownWord {
            noun: Self::NOUN,
            word: word.to_owned(),
            words: Self::words().collect::<Vec<_>>().join(", "),
        })
    }
}

/// Nobody knows this word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {noun} \"{word}\"; there are {words}")]
pub struct UnknownWord {
    /// What should have been chosen, e.g. `sampler`.
    pub noun: &'static str,
    /// The word given.
    pub word: String,
    /// The words there are.
    pub words: String,
}

/// Whether a setting is as everybody has it who does not name it: then stored files and keys leave it out.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Text and serde forms of a [`Choice`]: its word, everywhere.
macro_rules! written_as_word {
    ($choice:ty) => {
        impl std::fmt::Display for $choice {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::choice::Choice::word(*self))
            }
        }

        impl std::str::FromStr for $choice {
            type Err = $crate::choice::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                $crate::choice::Choice::from_word(word)
            }
        }

        impl serde::Serialize for $choice {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str($crate::choice::Choice::word(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $choice {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                $crate::choice::Choice::from_word(&word).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use written_as_word;
