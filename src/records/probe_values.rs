//! `probe_values.csv` of a `probe` artifact: the denoising loss of each photo at each timestep, under several words.

use serde::{Deserialize, Serialize};

use super::rows::{Row, Split};

/// The word of the prompt that stands for the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Words {
    /// `subject.identifier`: the prompt as the photo is trained on.
    Identifier,
    /// `subject.class` in place of the identifier.
    Class,
    /// `subject.name` in place of the identifier.
    Name,
}

impl Words {
    /// The word in the file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::Class => "class",
            Self::Name => "name",
        }
    }
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeValueRow {
    /// Under which words.
    pub words: Words,
    /// Whether the cell trains on the photo.
    pub split: Split,
    /// The photo's name inside artifacts and reports ([`short`](super::photos::short)).
    pub photo: String,
    /// The time of the process at which noise was added.
    pub timestep: f32,
    /// Mean squared error of the prediction.
    pub loss: f64,
}

impl Row for ProbeValueRow {
    const FILE: &'static str = "probe_values.csv";
    const HEADER: &'static str = "words,split,photo,timestep,loss\n";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::rows;

    #[test]
    fn what_is_written_is_read() {
        let row =
            |words, split, loss| ProbeValueRow { words, split, photo: "0123456789abcdef".into(), timestep: 50.0, loss };
        let all = [row(Words::Identifier, Split::Train, 1.0 / 3.0), row(Words::Name, Split::HeldOut, 1e-9)];
        let text = rows::write(&all).expect("writes");
        let expected = "words,split,photo,timestep,loss\n\
                        identifier,train,0123456789abcdef,50.0,0.3333333333333333\n\
                        name,held_out,0123456789abcdef,50.0,1e-9\n";
        assert_eq!(String::from_utf8_lossy(&text), expected);
        assert_eq!(rows::read::<ProbeValueRow>(&text).expect("reads"), all);
    }
}
