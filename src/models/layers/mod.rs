//! Puts a model's layers together from its weights, and finds every tensor that does not fit.
//!
//! A model's constructor asks `Layers` for each layer by name and size. The constructor runs twice on
//! loading: first against the headers alone, which collects every missing, superfluous or misshapen
//! tensor at once and builds hollow layers (sizes without numbers) that are thrown away, then against the
//! data. `check` does the first half only, in milliseconds for any model. `sketch` builds hollow layers without a file
//! and adds up what the weights would need.

mod build;
mod kinds;
mod place;

pub(crate) use build::{build, check, load, sketch};
pub(crate) use place::{Layers, Weight};
