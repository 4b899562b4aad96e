//! Files with tensors and what stands beside them: safetensors headers, checked reading, byte-equal writing.

pub mod error;
pub mod fields;
pub mod folder;
pub mod looks;
pub mod tensor_file;
pub mod texts;
pub mod unique_names;
pub mod weights;

pub use error::{LoadError, TensorProblems};
pub use folder::{ModelFolder, ModelPart, VARIANTS, in_folder, weight_names};
pub use weights::Weights;
