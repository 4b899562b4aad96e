//! Reads every section of one cell.

use super::problem::Problem;
use super::reader::Reader;
use super::settings::{Dataset, Settings, Train};
use super::subject::Subject;
use super::{dataset, evaluate, generate, heading, model, subject, train};

/// Reads every section, so that every problem is found.
pub(super) fn read_all(reader: &mut Reader<'_>) -> Option<(String, String, Settings)> {
    let heading = heading::read(reader);
    let model = model::read(reader);
    let subject = subject::read(reader);
    let dataset = dataset::read(reader);
    // Prompts are checked even if the words that fill them are wrong.
    let stand_in = || Subject { identifier: "{identifier}".into(), class: "{class}".into(), name: "{name}".into() };
    let words = subject.clone().unwrap_or_else(stand_in);
    let train = train::read(reader, &words, dataset.as_ref().map(|d| d.size));
    if let (Some(dataset), Some(train)) = (&dataset, &train) {
        check_shapes(reader, dataset, train)?;
    }
    let generate = generate::read(reader, &words, dataset.as_ref().map(|d| d.resolution), train.as_ref());
    let evaluate = evaluate::read(reader, &words, dataset.as_ref().map(|d| d.held_out));
    let (name, title) = heading?;
    let settings = Settings {
        model: model?,
        subject: subject?,
        dataset: dataset?,
        train: train?,
        generate: generate?,
        evaluate: evaluate?,
    };
    Some((name, title, settings))
}

/// `None` if the photos keep their shapes, but are trained on beside class images, which are squares.
fn check_shapes(reader: &mut Reader<'_>, dataset: &Dataset, train: &Train) -> Option<()> {
    let has_images = train.prior_preservation.as_ref().is_some_and(|prior| prior.class_images().is_some());
    if !(dataset.aspect_buckets && has_images) {
        return Some(());
    }
    let key = "dataset.aspect_buckets";
    let message = format!("`{key}` and class images do not go together: a batch has pictures of one shape");
    let problem = Problem::error(reader.place(key), message);
    let expected = "`train.prior_preservation.kind = \"output\"`, which needs no images, or `images = 0`";
    reader.push(problem.expected(expected));
    None
}
