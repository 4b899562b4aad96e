//! Encoders that cannot see the subject, and what must not be read from their numbers.

use crate::choice::Purpose;
use crate::report::data::StudyData;

/// The measures of images seen through the encoder for identity.
const OF_IDENTITY: [&str; 4] = ["identity", "leak", "copying_gap", "feature_variety"];
/// The measures of images seen through the encoder for prompts.
const OF_PROMPT: [&str; 1] = ["prompt_following"];

/// Whether the encoder for identity is blind: real photos of the subject score no higher than the base model's images.
pub(crate) fn is_blind(data: &StudyData) -> bool {
    sees_no_subject(data, "")
}

/// The same of any encoder: what it measured has `@` and its name behind the measure, nothing for the first one.
fn sees_no_subject(data: &StudyData, encoder: &str) -> bool {
    let name = format!("identity_range_low{encoder}");
    let low = || data.cells.iter().filter_map(|cell| cell.value(&name));
    low().next().is_some() && low().all(|low| low <= 0.0)
}

/// The blind encoder that a stored number rests on, so that it says nothing.
pub(crate) fn blind_encoder<'n>(data: &'n StudyData, measure: &'n str) -> Option<&'n str> {
    match measure.split_once('@') {
        Some((own, encoder)) => (of_identity(own) && sees_no_subject(data, &format!("@{encoder}"))).then_some(encoder),
        None => name(data).filter(|_| says_nothing(data, measure)),
    }
}

/// The name of the encoder that is blind.
pub(super) fn name(data: &StudyData) -> Option<&str> {
    let encoder = data.encoders.iter().find(|encoder| encoder.purposes.contains(&Purpose::Identity));
    encoder.filter(|_| is_blind(data)).map(|encoder| encoder.name.as_str())
}

/// What a table leaves out because of a blind encoder.
pub(crate) fn blind_words(data: &StudyData) -> Option<String> {
    name(data).map(|name| {
        format!(
            "What the encoder {name} measures is left out here: it is blind to this subject. It stands among all \
             measures as it was stored."
        )
    })
}

/// Whether a measure rests on a blind encoder, so that its numbers say nothing.
pub(crate) fn says_nothing(data: &StudyData, measure: &str) -> bool {
    if !is_blind(data) {
        return false;
    }
    // Prompts are read by the first encoder for them; it may be another one, which sees.
    let first = |purpose| data.encoders.iter().find(|encoder| encoder.purposes.contains(&purpose)).map(|e| &e.name);
    let same = first(Purpose::Prompt).is_some() && first(Purpose::Prompt) == first(Purpose::Identity);
    of_identity(measure) || same && rests_on(measure, &OF_PROMPT)
}

fn of_identity(measure: &str) -> bool {
    rests_on(measure, &OF_IDENTITY)
}

/// Whether it is one of some measures, or what the base model or held-out photos reach in it.
fn rests_on(measure: &str, bases: &[&str]) -> bool {
    let own = measure.strip_prefix("baseline_").or_else(|| measure.strip_prefix("held_out_")).unwrap_or(measure);
    bases.iter().any(|base| own.starts_with(base))
}
