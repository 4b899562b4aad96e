//! Every message about a wrong value, byte for byte.

mod keys;
mod paths;
mod prompts;
mod values;
