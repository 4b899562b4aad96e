//! The UNet of Stable Diffusion: one file per part, `model.rs` puts them together.

mod attention;
mod model;
mod step;
mod text_time;
mod timestep;
mod trace;

pub use model::UNet2DConditionModel;
pub(crate) use trace::Pass;
