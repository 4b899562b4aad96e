//! The files that an artifact holds: written by the worker, read by later stages and by the report, defined once.
//!
//! | stage | file | format |
//! |---|---|---|
//! | `prepare` | `photos.json`, `photos/<name>.png`, `masks/<name>.png` | [`photos`] |
//! | `baseline`, `class_images`, `generate` | `images.json`, `images/<name>.png` | [`images`] |
//! | `features` | `features.json`, `features.safetensors` | [`features`] |
//! | `train` | `loss.csv`, `timing.csv`, `probe.csv`, `probe_bands.csv` | [`rows`] |
//! | `train` | the adapter, for two kinds of programs; the adapters that were kept on the way | [`adapters`] |
//! | `probe` | `probe_values.csv` | [`probe_values`] |
//!
//! A file whose format has changed has a number, `format`, and earlier formats are still read; the others have only had
//! one. Everything here is plain data and text: nothing reads a disk.

pub mod adapters;
pub mod features;
pub mod images;
pub mod photos;
pub mod probe_values;
pub mod rows;
