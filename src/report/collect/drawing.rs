//! What is needed to draw a cell's images again, and to write the cell down.

use crate::experiment::settings::{Base, Settings};
use crate::experiment::without_folders;
use crate::plan::Cell;
use crate::report::data::Drawing;

/// How the images of a cell are drawn.
pub(super) fn drawing(settings: &Settings) -> Drawing {
    let (model, images) = (&settings.model, &settings.generate.images);
    let name = |base: &Base| match base {
        Base::Folder(path) | Base::File(path) => without_folders(&path.to_string_lossy()),
        Base::Hub { .. } => base.name(),
    };
    Drawing {
        model: name(&model.base),
        model_is_path: !matches!(model.base, Base::Hub { .. }),
        vae: model.vae.as_ref().map(name),
        text_encoders: model.text_encoders.as_ref().map(name),
        dtype: model.dtype.to_string(),
        sampler: images.sampling.sampler.to_string(),
        steps: images.sampling.steps,
        timestep_spacing: images.sampling.timestep_spacing,
        sigmas: images.sampling.sigmas,
        reading: images.reading,
        guidance: images.guidance,
        negative_prompt: images.negative_prompt.clone(),
        lora_scale: settings.generate.lora_scale,
    }
}

/// The swept settings of a cell as lines of an experiment file: `dataset.size = 5`.
pub(super) fn toml(cell: &Cell) -> String {
    let lines = cell.assignments.iter().map(|(key, value)| format!("{key} = {}\n", plain(value)));
    lines.collect()
}

/// A value without folders of this machine.
fn plain(value: &toml::Value) -> toml::Value {
    match value {
        toml::Value::String(text) => toml::Value::String(without_folders(text)),
        toml::Value::Array(items) => toml::Value::Array(items.iter().map(plain).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_written_as_an_experiment_file_says_it() {
        let assignments = vec![
            ("dataset.size".to_owned(), toml::Value::Integer(5)),
            ("train.learning_rate".to_owned(), toml::Value::Float(1e-4)),
            ("dataset.images".to_owned(), toml::Value::String("/home/me/data/a \"b\"".into())),
        ];
        let settings = crate::report::collect::test_settings();
        let cell = Cell {
            label: String::new(),
            slug: String::new(),
            settings,
            assignments,
            train_photos: Vec::new(),
            held_out_photos: Vec::new(),
            jobs: crate::stage::ByStage::default(),
        };
        let text = toml(&cell);
        let read: toml::Table = text.parse().expect("is TOML");
        assert_eq!(read["dataset"]["size"].as_integer(), Some(5));
        assert_eq!(read["train"]["learning_rate"].as_float(), Some(1e-4));
        assert_eq!(read["dataset"]["images"].as_str(), Some("data/a \"b\""));
    }

    #[test]
    fn what_draws_an_image_is_known() {
        let settings = crate::report::collect::test_settings();
        let drawing = drawing(&settings);
        assert_eq!(drawing.sampler, settings.generate.images.sampling.sampler.to_string());
        assert!(drawing.steps > 0 && !drawing.model.is_empty() && !drawing.model.starts_with('/'), "{drawing:?}");
    }
}
