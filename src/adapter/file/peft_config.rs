//! What peft's configuration says of an adapter: `adapter_config.json`, or diffusers' `lora_adapter_metadata`.

use std::collections::BTreeMap;

use serde_json::Value;

/// peft's configuration of one network, as far as it changes what the tensors mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PeftConfig {
    alpha: Option<f64>,
    rank: Option<f64>,
    alphas: Patterns,
    ranks: Patterns,
    /// rsLoRA: the scale is alpha / √rank.
    pub(super) rank_stabilised: bool,
    /// Whether it says that the adapter is a DoRA.
    pub(super) dora: bool,
}

/// Module name or its last components → (place in the configuration, number).
type Patterns = BTreeMap<String, (usize, f64)>;

impl PeftConfig {
    /// Reads peft's configuration; every key starts with `prefix`.
    pub(super) fn from_json(text: &str, prefix: &str) -> Result<Self, String> {
        let value: Value =
            serde_json::from_str(text).map_err(|e| format!("its LoRA configuration is not JSON: {e}"))?;
        if !value.is_object() {
            return Err("its LoRA configuration is not a table of JSON".to_owned());
        }
        let get = |key: &str| value.get(format!("{prefix}{key}")).filter(|v| !v.is_null());
        let flag = |key: &str| get(key).and_then(Value::as_bool).unwrap_or(false);
        let number = |key: &str| {
            let number =
                get(key).map(|number| number.as_f64().ok_or(format!("its configuration says {key} is {number}")));
            number.transpose()
        };
        for method in ["use_qalora", "alora_invocation_tokens", "lora_bias", "use_bdlora", "layer_replication"] {
            if get(method).is_some_and(|value| *value != Value::Bool(false)) {
                return Err(format!("its configuration asks for {method}, which is not supported"));
            }
        }
        // peft calls it `alpha` for kinds other than LoRA.
        let alpha = number("lora_alpha")?.map_or_else(|| number("alpha"), |alpha| Ok(Some(alpha)))?;
        Ok(Self {
            alpha,
            rank: number("r")?,
            alphas: patterns(get("alpha_pattern"), "alpha_pattern")?,
            ranks: patterns(get("rank_pattern"), "rank_pattern")?,
            rank_stabilised: flag("use_rslora"),
            dora: flag("use_dora"),
        })
    }

    /// The alpha of a module: that of the first pattern that its name ends with, as in peft.
    pub(super) fn alpha(&self, module: &str) -> Option<f64> {
        of(&self.alphas, module).or(self.alpha)
    }

    /// The rank of a module, in the same way.
    pub(super) fn rank(&self, module: &str) -> Option<f64> {
        of(&self.ranks, module).or(self.rank)
    }
}

fn patterns(given: Option<&Value>, key: &str) -> Result<Patterns, String> {
    let mut patterns = Patterns::new();
    for (place, (pattern, number)) in given.and_then(Value::as_object).into_iter().flatten().enumerate() {
        let Some(number) = number.as_f64() else {
            return Err(format!("{key} of {pattern} is {number}, not a number"));
        };
        let name = pattern.strip_prefix('^').unwrap_or(pattern).replace("\\.", ".");
        if name.contains(['*', '+', '(', '[', '\\', '|', '?', '$']) {
            return Err(format!("{key} {pattern:?} is a regular expression, which is not supported"));
        }
        patterns.entry(name).or_insert((place, number));
    }
    Ok(patterns)
}

/// The number of the first pattern that a module's name ends with.
fn of(patterns: &Patterns, module: &str) -> Option<f64> {
    // Every end of the name that begins a component; few patterns or many, the work is that of the name.
    let ends = module.match_indices('.').map(|(dot, _)| &module[dot + 1..]);
    let found = std::iter::once(module).chain(ends).filter_map(|end| patterns.get(end));
    found.min_by_key(|(place, _)| *place).map(|(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphas_of_peft_configurations() {
        let text = r#"{"unet.lora_alpha": 8, "unet.r": 4, "unet.use_rslora": true, "unet.rank_pattern": {"to_v": 6},
            "unet.alpha_pattern": {"attn1.to_q": 2.0, "to_q": 3.0, "b.c.to_q": 4}}"#;
        let config = PeftConfig::from_json(text, "unet.").unwrap();
        assert_eq!(config.alpha("a.attn1.to_q"), Some(2.0));
        assert_eq!(config.alpha("attn1.to_q"), Some(2.0));
        assert_eq!(config.alpha("a.battn1.to_q"), Some(3.0));
        assert_eq!(config.alpha("b.c.to_q"), Some(3.0));
        assert_eq!(config.alpha("a.to_k"), Some(8.0));
        assert_eq!((config.rank("a.to_k"), config.rank("a.to_v")), (Some(4.0), Some(6.0)));
        assert!(config.rank_stabilised && !config.dora);
        assert_eq!(PeftConfig::from_json("{}", "unet."), Ok(PeftConfig::default()));
        for wrong in
            [r#"{"use_qalora": true}"#, r#"{"lora_alpha": "x"}"#, r#"{"alpha_pattern": {"a.*b": 1}}"#, "[", "1"]
        {
            assert!(PeftConfig::from_json(wrong, "").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_hundred_thousand_patterns_cost_no_more_than_one() {
        let patterns: Vec<String> = (0..100_000).map(|i| format!("\"blocks.{i}.to_q\": {i}")).collect();
        let text = format!("{{\"alpha_pattern\": {{{}}}}}", patterns.join(","));
        let config = PeftConfig::from_json(&text, "").unwrap();
        // Asked once for every module of a file as large.
        for i in 0..100_000 {
            assert_eq!(config.alpha(&format!("a.blocks.{i}.to_q")), Some(f64::from(i)));
        }
    }
}
