//! From a TOML file to typed, checked settings.

pub mod settings;

pub use settings::Settings;
