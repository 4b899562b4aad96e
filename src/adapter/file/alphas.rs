//! Alphas given for the whole file: peft's `adapter_config.json` or diffusers' `lora_adapter_metadata`.

use std::collections::BTreeMap;

/// peft's configuration, as far as it changes how strong the adapter is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Alphas {
    default: Option<f64>,
    /// Module name or its last components → (place in the configuration, alpha).
    patterns: BTreeMap<String, (usize, f64)>,
    /// rsLoRA: the scale is alpha / √rank.
    pub(super) rank_stabilised: bool,
}

impl Alphas {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads peft's configuration; every key starts with `prefix`.
    pub(super) fn from_json(text: &str, prefix: &str) -> Result<Self, String> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|e| format!("its LoRA configuration is not JSON: {e}"))?;
        let get = |key: &str| value.get(format!("{prefix}{key}")).filter(|v| !v.is_null());
        let flag = |key: &str| get(key).and_then(serde_json::Value::as_bool).unwrap_or(false);
        if flag("use_dora") {
            return Err("its configuration asks for DoRA, which is not supported".to_owned());
        }
        let mut patterns = BTreeMap::new();
        let given = get("alpha_pattern").and_then(|v| v.as_object()).into_iter().flatten();
        for (place, (pattern, alpha)) in given.enumerate() {
            let Some(alpha) = alpha.as_f64() else {
                return Err(format!("alpha of {pattern} is {alpha}, not a number"));
            };
            let name = pattern.strip_prefix('^').unwrap_or(pattern).replace("\\.", ".");
            if name.contains(['*', '+', '(', '[', '\\', '|', '?', '$']) {
                return Err(format!("alpha_pattern {pattern:?} is a regular expression, which is not supported"));
            }
            patterns.entry(name).or_insert((place, alpha));
        }
        // peft calls it `alpha` for kinds other than LoRA.
        let default = get("lora_alpha")
            .or_else(|| get("alpha"))
            .map(|alpha| alpha.as_f64().ok_or(format!("lora_alpha is {alpha}")));
        Ok(Self { default: default.transpose()?, patterns, rank_stabilised: flag("use_rslora") })
    }

    /// The alpha of a module: that of the first pattern that its name ends with, as in peft.
    pub(super) fn of(&self, module: &str) -> Option<f64> {
        // Every end of the name that begins a component; few patterns or many, the work is that of the name.
        let ends = module.match_indices('.').map(|(dot, _)| &module[dot + 1..]);
        let first = std::iter::once(module)
            .chain(ends)
            .filter_map(|end| self.patterns.get(end))
            .min_by_key(|(place, _)| *place);
        first.map(|(_, alpha)| *alpha).or(self.default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphas_of_peft_configurations() {
        let text = r#"{"unet.lora_alpha": 8, "unet.r": 4, "unet.use_rslora": true,
            "unet.alpha_pattern": {"attn1.to_q": 2.0, "to_q": 3.0, "b.c.to_q": 4}}"#;
        let alphas = Alphas::from_json(text, "unet.").unwrap();
        assert_eq!(alphas.of("a.attn1.to_q"), Some(2.0));
        assert_eq!(alphas.of("attn1.to_q"), Some(2.0));
        assert_eq!(alphas.of("a.battn1.to_q"), Some(3.0));
        assert_eq!(alphas.of("b.c.to_q"), Some(3.0));
        assert_eq!(alphas.of("a.to_k"), Some(8.0));
        assert!(alphas.rank_stabilised);
        assert!(Alphas::from_json("{}", "unet.").unwrap().is_empty());
        for wrong in [r#"{"use_dora": true}"#, r#"{"lora_alpha": "x"}"#, r#"{"alpha_pattern": {"a.*b": 1}}"#, "["] {
            assert!(Alphas::from_json(wrong, "").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_hundred_thousand_patterns_cost_no_more_than_one() {
        let patterns: Vec<String> = (0..100_000).map(|i| format!("\"blocks.{i}.to_q\": {i}")).collect();
        let text = format!("{{\"alpha_pattern\": {{{}}}}}", patterns.join(","));
        let alphas = Alphas::from_json(&text, "").unwrap();
        // Asked once for every module of a file as large.
        for i in 0..100_000 {
            assert_eq!(alphas.of(&format!("a.blocks.{i}.to_q")), Some(f64::from(i)));
        }
    }
}
