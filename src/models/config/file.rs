//! One configuration file: its fields, and the checks that all configurations share.

use std::path::Path;

use serde_json::{Value, json};

use crate::tensors::LoadError;
use crate::tensors::fields::{FieldError, Fields};
use crate::tensors::texts::small_text;

/// A parsed configuration file and its path, for messages.
pub(in crate::models) struct ConfigFile<'a> {
    path: &'a Path,
    pub(in crate::models) fields: Fields,
}

impl<'a> ConfigFile<'a> {
    pub(in crate::models) fn read(path: &'a Path) -> Result<Self, LoadError> {
        Self::parse(path, &small_text(path)?)
    }

    pub(in crate::models) fn parse(path: &'a Path, text: &str) -> Result<Self, LoadError> {
        let invalid = |reason| LoadError::Invalid { file: path.to_owned(), reason };
        Ok(Self { path, fields: Fields::parse(text).map_err(invalid)? })
    }

    pub(in crate::models) fn invalid(&self, reason: impl Into<String>) -> LoadError {
        LoadError::Invalid { file: self.path.to_owned(), reason: reason.into() }
    }

    /// The value of a field, or what is wrong with it.
    pub(in crate::models) fn good<T>(&self, value: Result<T, FieldError>) -> Result<T, LoadError> {
        value.map_err(|FieldError { key, found, wanted }| LoadError::Unsupported {
            file: self.path.to_owned(),
            key,
            found,
            supported: wanted,
        })
    }

    /// Refuses `key` unless it is absent or one of `allowed`. A list passes if all its items do.
    pub(in crate::models) fn only(&self, key: &str, allowed: &[Value]) -> Result<(), LoadError> {
        let fits =
            |v: &Value| allowed.contains(v) || allowed.iter().any(|a| a.as_f64().is_some() && a.as_f64() == v.as_f64());
        match self.fields.get(key) {
            None => Ok(()),
            Some(Value::Array(items)) if items.iter().all(fits) => Ok(()),
            Some(value) if fits(value) => Ok(()),
            Some(_) => {
                let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
                self.good(Err(self.fields.error(key, format!("it must be {}", allowed.join(" or ")))))
            }
        }
    }

    pub(in crate::models) fn all_null(&self, keys: &[&str]) -> Result<(), LoadError> {
        keys.iter().try_for_each(|key| self.only(key, &[Value::Null]))
    }

    pub(in crate::models) fn all_false(&self, keys: &[&str]) -> Result<(), LoadError> {
        keys.iter().try_for_each(|key| self.only(key, &[json!(false), Value::Null]))
    }

    /// Refuses a size outside `1..=most`, so that a hostile file cannot ask for unbounded work.
    pub(in crate::models) fn in_range(&self, key: &str, value: usize, most: usize) -> Result<(), LoadError> {
        if (1..=most).contains(&value) {
            return Ok(());
        }
        Err(self.invalid(format!("`{key}` is {value}, it must be between 1 and {most}")))
    }

    /// A number above 0, such as an epsilon.
    pub(in crate::models) fn positive(&self, key: &str, default: f64) -> Result<f64, LoadError> {
        let value = self.good(self.fields.number(key, default))?;
        if value > 0.0 && value < 1e9 {
            Ok(value)
        } else {
            self.good(Err(self.fields.error(key, "it must be above 0")))
        }
    }

    /// The channel widths must be even multiples of the group size.
    pub(in crate::models) fn channels(&self, widths: &[usize], groups: usize) -> Result<(), LoadError> {
        self.in_range("block_out_channels (its length)", widths.len(), 8)?;
        self.in_range("norm_num_groups", groups, 1024)?;
        for width in widths {
            self.in_range("block_out_channels", *width, 1 << 14)?;
            if !width.is_multiple_of(groups) {
                return Err(self.invalid(format!("{width} channels cannot be split into {groups} norm groups")));
            }
        }
        Ok(())
    }
}

/// The keys of a UNet's or VAE's configuration that this program does not know, as warnings; `name` is the file's.
pub(crate) fn unread(name: &str, text: &str, known: &[&[&str]]) -> Vec<String> {
    let Ok(fields) = Fields::parse(text) else { return Vec::new() };
    let keys: Vec<String> = fields.unknown(known).iter().map(|key| format!("`{key}`")).collect();
    if keys.is_empty() {
        return Vec::new();
    }
    let (word, is) = if keys.len() == 1 { ("key", "is") } else { ("keys", "are") };
    vec![format!("{name} of the model has the {word} {}, which {is} not known here and not used.", keys.join(", "))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_told() {
        let told = unread("unet/config.json", r#"{"a": 1, "b": 2, "c": null, "_d": 1}"#, &[&["a"]]);
        assert_eq!(told, ["unet/config.json of the model has the key `b`, which is not known here and not used."]);
    }
}
