//! What votes say: how often one condition was preferred to another, and how far the measures agree.
//!
//! A vote is about two images. Many votes on the images of one training make sure what a person sees in these images;
//! they say nothing about other trainings.

use std::collections::BTreeMap;

use crate::measures::wilson::{Share, wilson};
use crate::report::data::{BASE_MODEL, CellData, Choice, Group, HASH_DIGITS, Picture, StudyData, Vote, Voted};
use crate::report::finding::{Judged, Question};
use crate::report::tables::membership::condition_of;

/// Who made an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// The base model.
    Base,
    /// A training of the condition of that index.
    Condition(usize),
}

/// The votes on two conditions, or on a condition and the base model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Who was preferred more often, and who less often.
    pub(crate) sides: [Who; 2],
    /// How often each was preferred.
    pub(crate) wins: [usize; 2],
    /// How often none was.
    pub(crate) equal: usize,
}

impl Pair {
    /// How often the first side was preferred, among the votes that prefer one; `None` if none does.
    pub(crate) fn preferred(&self) -> Option<Share> {
        wilson(self.wins[0], self.wins[0] + self.wins[1])
    }
}

/// What all votes say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Eye {
    /// In the order of the conditions, the base model first.
    pub(crate) pairs: Vec<Pair>,
    /// Votes on images that the report does not show.
    pub(crate) left_out: usize,
    /// Among the votes that prefer one of two images with different scores: how often it is the one with the better
    /// score.
    pub(crate) agreement: Option<Share>,
}

/// An image that was voted on, found again.
struct Seen<'d> {
    who: Who,
    cell: Option<&'d CellData>,
    picture: &'d Picture,
}

/// Counts the votes of a study.
pub(crate) fn eye(judged: &Judged<'_>) -> Eye {
    let hashes = hashes(judged.data);
    let mut pairs: BTreeMap<[Who; 2], ([usize; 2], usize)> = BTreeMap::new();
    let (mut left_out, mut same, mut decided) = (0, 0, 0);
    for vote in &judged.data.votes {
        let find = |voted: &Voted| seen(judged, &hashes, vote, voted);
        let sides = find(&vote.left).zip(find(&vote.right)).filter(|(left, right)| left.who != right.who);
        let Some((left, right)) = sides else {
            left_out += 1;
            continue;
        };
        let turned = right.who < left.who;
        let key = if turned { [right.who, left.who] } else { [left.who, right.who] };
        let (wins, equal) = pairs.entry(key).or_default();
        match vote.choice {
            Choice::Equal => *equal += 1,
            Choice::Left => wins[usize::from(turned)] += 1,
            Choice::Right => wins[usize::from(!turned)] += 1,
        }
        if let Some(agrees) = agrees(judged, &left, &right, vote.choice) {
            decided += 1;
            same += usize::from(agrees);
        }
    }
    let pair = |(sides, (wins, equal)): ([Who; 2], ([usize; 2], usize))| match wins[1] > wins[0] {
        true => Pair { sides: [sides[1], sides[0]], wins: [wins[1], wins[0]], equal },
        false => Pair { sides, wins, equal },
    };
    Eye { pairs: pairs.into_iter().map(pair).collect(), left_out, agreement: wilson(same, decided) }
}

/// The beginning of the hash of each file of the report.
pub(crate) fn hashes(data: &StudyData) -> BTreeMap<&str, &str> {
    let start = |hash: &'_ str| hash.len().min(HASH_DIGITS);
    data.files.iter().map(|f| (f.to.as_str(), &f.from.entry.blake3[..start(&f.from.entry.blake3)])).collect()
}

/// The image of a vote, if the report shows that very image.
fn seen<'d>(judged: &Judged<'d>, hashes: &BTreeMap<&str, &str>, vote: &Vote, voted: &Voted) -> Option<Seen<'d>> {
    let data = judged.data;
    let it = |p: &&Picture| {
        (p.group, p.prompt_index, p.seed) == (Group::Prompt, vote.prompt_index, vote.seed)
            && hashes.get(p.file.as_str()).is_some_and(|hash| *hash == voted.hash)
    };
    if voted.cell == BASE_MODEL {
        let picture = data.baselines.iter().flat_map(|set| &set.images).find(it)?;
        return Some(Seen { who: Who::Base, cell: None, picture });
    }
    let cell = data.cells.iter().find(|cell| cell.label == voted.cell)?;
    let who = Who::Condition(condition_of(judged, cell)?);
    Some(Seen { who, cell: Some(cell), picture: cell.images.iter().find(it)? })
}

/// Whether the score prefers the same image; `None` where the vote or the score prefers none, or there is no score.
fn agrees(judged: &Judged<'_>, left: &Seen<'_>, right: &Seen<'_>, choice: Choice) -> Option<bool> {
    let other = left.cell.or(right.cell)?;
    let better = (score(judged, left, other)? - score(judged, right, other)?) * judged.study.direction.sign();
    match choice {
        Choice::Equal => None,
        _ if better == 0.0 => None,
        Choice::Left => Some(better > 0.0),
        Choice::Right => Some(better < 0.0),
    }
}

/// What the question's measure says of an image: likeness is measured on the image, a loss on its training. The base
/// model's loss is that for the photos of `other`. The likeness of the base model's images is measured on other images,
/// of prompts with the class word.
fn score(judged: &Judged<'_>, seen: &Seen<'_>, other: &CellData) -> Option<f64> {
    let question = judged.question;
    match (question, seen.cell) {
        (Question::Identity, Some(_)) => seen.picture.values.get(question.name()).copied(),
        (Question::Identity, None) => None,
        (_, Some(cell)) => question.score(cell),
        (_, None) => question.floor(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::judged;
    use crate::report::fixture;

    fn voted(data: &StudyData, cell: Option<usize>) -> Voted {
        let (label, images) = match cell {
            Some(index) => (data.cells[index].label.as_str(), &data.cells[index].images),
            None => (BASE_MODEL, &data.baselines[0].images),
        };
        let picture = images.iter().find(|p| p.group == Group::Prompt).expect("has images");
        Voted { cell: label.into(), hash: hashes(data)[picture.file.as_str()].into() }
    }

    fn vote(data: &StudyData, left: Option<usize>, right: Option<usize>, choice: Choice) -> Vote {
        Vote { left: voted(data, left), right: voted(data, right), prompt_index: 0, seed: 0, choice }
    }

    #[test]
    fn votes_are_counted_whichever_side_an_image_was_on() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut data = fixture::with_files(fixture::study(), dir.path());
        let mut votes = vec![
            vote(&data, Some(0), Some(1), Choice::Right),
            vote(&data, Some(1), Some(0), Choice::Left),
            vote(&data, Some(1), Some(0), Choice::Right),
            vote(&data, Some(0), Some(1), Choice::Equal),
            vote(&data, None, Some(0), Choice::Right),
            vote(&data, Some(0), Some(0), Choice::Left),
        ];
        let mut gone = votes[0].clone();
        gone.right.hash = "0123456789ab".into();
        votes.push(gone);
        data.votes = votes;
        let judged = judged(&data);
        let eye = eye(&judged);
        assert_eq!(eye.left_out, 2, "two images of one condition, and an image that was made again");
        assert_eq!(
            eye.pairs,
            [
                Pair { sides: [Who::Condition(0), Who::Base], wins: [1, 0], equal: 0 },
                Pair { sides: [Who::Condition(1), Who::Condition(0)], wins: [2, 1], equal: 1 },
            ]
        );
        // The loss is lower with 4 photos, and lower than the base model's: three of four votes say the same.
        let agreement = eye.agreement.expect("votes that decide");
        assert_eq!((agreement.count, agreement.n), (3, 4));
        let share = eye.pairs[1].preferred().expect("votes that decide");
        assert_eq!((share.count, share.n), (2, 3));
    }

    #[test]
    fn likeness_is_asked_of_the_images() {
        let dir = tempfile::tempdir().expect("temporary folder");
        let mut data = fixture::with_files(fixture::study(), dir.path());
        for (cell, score) in [(0, 0.7), (1, 0.5)] {
            let values = data.cells[cell].metrics.as_mut().expect("is measured");
            values.extend([("identity".to_owned(), 0.6), ("identity_ceiling".to_owned(), 0.9)]);
            data.cells[cell].images[0].values.insert("identity".into(), score);
        }
        data.votes = vec![vote(&data, Some(0), Some(1), Choice::Left), vote(&data, None, Some(1), Choice::Left)];
        let judged = judged(&data);
        assert_eq!(judged.question, Question::Identity);
        let agreement = eye(&judged).agreement.expect("a vote that decides");
        assert_eq!((agreement.count, agreement.n), (1, 1), "the base model's own image has no score");
    }
}
