//! `[evaluate]`: the measurements.

use super::bounds::MAX_SEED;
use super::encoders::{self, EncoderChoice};
use super::problem::Problem;
use super::prompt;
use super::reader::Reader;
use super::subject::Subject;

use serde::{Deserialize, Serialize};

use crate::choice::{Purpose, Question};

/// `[evaluate]`: the measurements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluate {
    /// When and on what the probe loss is measured.
    #[serde(flatten)]
    pub probe: Probe,
    /// Prompts that must look the same with and without the adapter.
    pub drift_prompts: Vec<String>,
    /// Image encoders; the first one for a purpose is the one that the verdict goes by. They are in the keys of the
    /// features that they make, and in no other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encoders: Vec<EncoderChoice>,
    /// What the verdict is about. `None` = [`Question::Auto`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
}

impl Evaluate {
    /// The first encoder for a purpose.
    #[must_use]
    pub fn encoder_for(&self, purpose: Purpose) -> Option<&EncoderChoice> {
        self.encoders.iter().find(|encoder| encoder.is_for(purpose))
    }
}

/// The settings of the probe loss; it is measured while a training runs, so they are in its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Optimizer steps between probe losses; 0 = only before the first and after the last step.
    pub probe_every: usize,
    /// Timesteps per photo, spread evenly over the schedule.
    pub probe_timesteps: usize,
    /// Photos per split at most (training photos, held-out photos).
    pub probe_photos: usize,
    /// Seeds the probe's noise.
    pub probe_seed: u64,
}

/// Reads and checks the section. `held_out` is the number of held-out photos, if it is known.
pub(super) fn read(reader: &mut Reader<'_>, subject: &Subject, held_out: Option<usize>) -> Option<Evaluate> {
    let probe_every = reader.count("evaluate.probe_every", 0..=10_000_000);
    let probe_timesteps = reader.count("evaluate.probe_timesteps", 1..=1000);
    let probe_photos = reader.count("evaluate.probe_photos", 1..=1_000_000);
    let probe_seed = reader.whole("evaluate.probe_seed", 0..=MAX_SEED);
    let drift_prompts = prompt::list(reader, "evaluate.drift_prompts", "[]", subject);
    let encoders = encoders::read(reader);
    let question = reader.choice::<Question>("evaluate.question");
    let probe = Probe {
        probe_every: probe_every?,
        probe_timesteps: probe_timesteps?,
        probe_photos: probe_photos?,
        probe_seed: probe_seed?,
    };
    let question = question.map(|question| (question != Question::Auto).then_some(question));
    let evaluate = Evaluate { probe, drift_prompts: drift_prompts?, encoders: encoders?, question: question? };
    if evaluate.question == Some(Question::Identity) && evaluate.encoder_for(Purpose::Identity).is_none() {
        let message = "`evaluate.question` is about the likeness, but no encoder measures it";
        let help = "add an encoder that is for \"identity\" to `evaluate.encoders`";
        let problem = Problem::error(reader.place("evaluate.question"), message);
        reader.push(problem.help(help));
        return None;
    }
    if evaluate.question.is_some() && held_out == Some(0) {
        let message = "`evaluate.question` is about held-out photos, but `dataset.held_out` is 0";
        let problem = Problem::error(reader.place("evaluate.question"), message);
        reader
            .push(problem.help("hold photos out, or leave the question out: then the loss on training photos is told"));
        return None;
    }
    Some(evaluate)
}
