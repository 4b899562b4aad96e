//! Reads every section of one cell.

use super::problem::Problem;
use super::reader::Reader;
use super::settings::{Dataset, Generate, Settings, Train};
use super::subject::Subject;
use super::{dataset, evaluate, generate, heading, model, race, subject, train};

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
    if let (Some(train), Some(generate)) = (&train, &generate) {
        warn_of_other_layers(reader, train, generate);
    }
    let held_out = dataset.as_ref().map(|d| d.held_out);
    let probe = evaluate.as_ref().map(|e| &e.probe);
    let race = race::read(reader, train.as_ref().map(|t| t.recipe.steps), held_out, probe);
    let (name, title) = heading?;
    let settings = Settings {
        model: model?,
        subject: subject?,
        dataset: dataset?,
        train: train?,
        generate: generate?,
        evaluate: evaluate?,
        race: race?,
    };
    Some((name, title, settings))
}

/// Warns of a training on other layers of the text encoder than the images are drawn with.
fn warn_of_other_layers(reader: &mut Reader<'_>, train: &Train, generate: &Generate) {
    const KEY: &str = "train.clip_skip";
    let (trained, drawn) = (train.recipe.clip_skip.unwrap_or(0), generate.images.reading.clip_skip);
    if trained > 0 && trained != drawn {
        let message = format!("`{KEY}` is {trained}, but images are drawn with `generate.clip_skip` = {drawn}");
        let problem = Problem::warning(reader.place(KEY), message);
        reader.push(problem.help("an adapter fits the layer of the text encoder that it was trained on best"));
    }
}

/// `None` if the photos keep their shapes, and there are too few class images for one of each photo's shape: a batch
/// has pictures of one shape.
fn check_shapes(reader: &mut Reader<'_>, dataset: &Dataset, train: &Train) -> Option<()> {
    const KEY: &str = "train.prior_preservation.images";
    let images = train.prior_preservation.as_ref().and_then(|prior| prior.class_images()).map(|images| images.count);
    let Some(images) = images.filter(|images| dataset.aspect_buckets && *images < dataset.size) else {
        return Some(());
    };
    let message = format!("`{KEY}` = {images} is too few for {} photos with `dataset.aspect_buckets`", dataset.size);
    let problem = Problem::error(reader.place(KEY), message);
    let expected = format!("at least {}: the photos lend their shapes to the class images in turn", dataset.size);
    reader.push(problem.expected(expected).help("`kind = \"output\"` keeps the class without images"));
    None
}
