//! What can be said against photos: each kind with its words.

use crate::text::count;

/// What is wrong with one photo, with several, or with all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A photo or a folder cannot be used.
    Unreadable,
    /// A mask cannot be used.
    BadMask,
    /// A file is no photo, or of a kind that is not used.
    LeftOut,
    /// This program made it.
    Own,
    /// A photo has the same pixels as an earlier one.
    Copy,
    /// Photos show nearly the same picture and stay on one side of the split.
    Alike,
    /// A photo was cut out of another one, and both stay on one side of the split.
    CutCopy,
    /// A photo changed sides, because copies stay on one side of the split.
    Moved,
    /// A photo is smaller than the square that is trained on.
    Tiny,
    /// A photo is much less sharp than the others.
    Blurred,
    /// The square crop takes much of a photo away.
    Cropped,
    /// The square crop takes a part of the subject away.
    SubjectCut,
    /// Many photos are copies.
    FewPictures,
    /// Most photos have one background.
    OneBackground,
    /// Some photos have a mask and others have none.
    FewMasks,
    /// There are too many photos to compare all of them.
    NotCompared,
}

impl Kind {
    /// Whether it keeps a study from running.
    #[must_use]
    pub fn is_fatal(self) -> bool {
        matches!(self, Self::Unreadable | Self::BadMask)
    }

    /// The word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::BadMask => "bad-mask",
            Self::LeftOut => "left-out",
            Self::Own => "own-picture",
            Self::Copy => "copy",
            Self::Alike => "alike",
            Self::CutCopy => "cut-copy",
            Self::Moved => "moved",
            Self::Tiny => "tiny",
            Self::Blurred => "blurred",
            Self::Cropped => "cropped",
            Self::SubjectCut => "subject-cut",
            Self::FewPictures => "few-pictures",
            Self::OneBackground => "one-background",
            Self::FewMasks => "few-masks",
            Self::NotCompared => "not-compared",
        }
    }

    /// The start of a sentence about that many findings; a list of them follows.
    #[must_use]
    pub fn sentence(self, findings: usize) -> String {
        let text = match self {
            Self::Unreadable => "These photos cannot be used",
            Self::BadMask => "These masks cannot be used",
            Self::LeftOut => return format!("{} of the photo folder cannot be used", count(findings, "file")),
            Self::Own => "The program's own pictures are no photos and were left out",
            Self::Copy if findings == 1 => "1 photo is a copy of others and not used",
            Self::Copy => return format!("{findings} photos are copies of others and not used"),
            Self::Alike => "Some photos show nearly the same picture",
            Self::CutCopy => "Some photos were cut out of others",
            Self::Moved => "Some photos changed sides, so that no held-out photo is a copy of a training photo",
            Self::Tiny => "Some photos are smaller than the square that is trained on",
            Self::Blurred => "Some photos are much less sharp than the others",
            Self::Cropped => "The square crop takes much of some photos away",
            Self::SubjectCut => "The square crop cuts the subject",
            Self::FewPictures => "Many photos are copies",
            Self::OneBackground => "Most photos have nearly the same background",
            Self::FewMasks => "Some photos have no mask",
            Self::NotCompared => "Not all photos were searched for cut copies",
        };
        text.to_owned()
    }

    /// What to do; empty where nothing has to be done.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Unreadable
            | Self::BadMask
            | Self::LeftOut
            | Self::Own
            | Self::Copy
            | Self::Moved
            | Self::NotCompared => "",
            Self::Alike | Self::CutCopy => {
                "They stay together, either trained on or held out, and count as several photos all the same; remove \
                 what should not count."
            }
            Self::Tiny => "They are enlarged and teach blur: take larger originals or a smaller `dataset.resolution`.",
            Self::Blurred => "Look at them, and remove what is shaken or out of focus.",
            Self::Cropped => "Look whether the subject is cut, and cut these photos to squares yourself if it is.",
            Self::SubjectCut => "Cut these photos to squares yourself, around the subject.",
            Self::FewPictures => "Add photos that differ, or count each picture once.",
            Self::OneBackground => "The adapter learns it along with the subject: add photos of other places.",
            Self::FewMasks => "Give every photo a mask, or none.",
        }
    }
}
