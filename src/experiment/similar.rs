//! The word that was probably meant.

/// The candidate that is most similar to `word`, if any is similar enough.
pub(crate) fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = word.to_lowercase();
    let score = |candidate: &str| {
        let edits = strsim::normalized_damerau_levenshtein(&lower, candidate);
        edits.max(0.9 * strsim::jaro_winkler(&lower, candidate))
    };
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let score = score(candidate);
        if score > 0.7 && best.is_none_or(|(s, _)| score > s) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_words_are_found() {
        let keys = ["rank", "learning_rate", "lr_scheduler"];
        assert_eq!(did_you_mean("rnak", keys).as_deref(), Some("rank"));
        assert_eq!(did_you_mean("learn_rate", keys).as_deref(), Some("learning_rate"));
        assert_eq!(did_you_mean("colour", keys), None);
    }
}
