//! A sampler with all that decides its steps.

use serde::{Deserialize, Serialize};

use super::sampler::{Levels, Sampler};
use super::sigmas::Sigmas;
use super::spacing::Spacing;
use super::words::is_default;

/// Which sampler, how many steps it does, and where they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampling {
    /// Which sampler.
    pub sampler: Sampler,
    /// Sampler steps.
    pub steps: usize,
    /// How the steps are spread over the training timesteps.
    #[serde(default, skip_serializing_if = "is_default")]
    pub timestep_spacing: Spacing,
    /// Where the noise levels of the steps lie.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sigmas: Sigmas,
}

impl Sampling {
    /// So many steps where the model and the sampler put them.
    #[must_use]
    pub fn new(sampler: Sampler, steps: usize) -> Self {
        Self { sampler, steps, timestep_spacing: Spacing::Model, sigmas: Sigmas::Model }
    }

    /// The same with the sampler `usual` where the model decides.
    #[must_use]
    pub fn or(self, usual: Sampler) -> Self {
        Self { sampler: self.sampler.or(usual), ..self }
    }
}

/// Settings of a sampler that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct Conflict {
    /// The setting to change: `timestep_spacing` or `sigmas`.
    pub setting: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Sampling {
    /// Checks what can be known without a model. Where the model decides on the sampler, it is checked again when the
    /// model is known.
    ///
    /// # Errors
    /// Noise levels that the sampler does not have, and a spacing that would change nothing.
    pub fn check(self) -> Result<(), Conflict> {
        let Self { sampler, timestep_spacing: spacing, sigmas, .. } = self;
        let conflict = |setting, message, help: &str| Err(Conflict { setting, message, help: help.to_owned() });
        let spaced = spacing != Spacing::Model;
        match (sampler.levels(), sigmas) {
            (Levels::None, Sigmas::Karras | Sigmas::Exponential | Sigmas::Beta) => conflict(
                "sigmas",
                format!("{sampler} does not work on noise levels, so that they cannot be {sigmas}"),
                "euler, heun, dpm++2m, dpm++2m-sde, dpm++sde and unipc do",
            ),
            (Levels::Karras, Sigmas::Exponential | Sigmas::Beta) => conflict(
                "sigmas",
                format!("{sampler} has the noise levels of karras, not {sigmas} ones"),
                "use dpm++2m with them",
            ),
            _ if spaced && sampler == Sampler::Lcm => conflict(
                "timestep_spacing",
                format!(
                    "{sampler} visits the timesteps it was distilled for, so that {spacing} spacing changes nothing"
                ),
                "leave the spacing out",
            ),
            (Levels::Karras, Sigmas::Model | Sigmas::Karras)
            | (Levels::WholeRange, Sigmas::Karras | Sigmas::Exponential | Sigmas::Beta)
                if spaced =>
            {
                let levels = if sigmas == Sigmas::Model { Sigmas::Karras } else { sigmas };
                conflict(
                    "timestep_spacing",
                    format!(
                        "the {levels} noise levels of {sampler} decide its timesteps, so that {spacing} spacing \
                         changes nothing"
                    ),
                    "set the spacing or the noise levels, not both",
                )
            }
            (Levels::Unknown | Levels::None | Levels::Karras | Levels::WholeRange | Levels::OfTimesteps, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::Choice;
    use super::*;

    fn check(sampler: Sampler, timestep_spacing: Spacing, sigmas: Sigmas) -> Result<(), Conflict> {
        Sampling { timestep_spacing, sigmas, ..Sampling::new(sampler, 20) }.check()
    }

    #[test]
    fn the_usual_settings_go_together() {
        for (_, sampler) in Sampler::ALL {
            assert_eq!(check(*sampler, Spacing::Model, Sigmas::Model), Ok(()));
            let spaced = check(*sampler, Spacing::Trailing, Sigmas::Model).map_err(|conflict| conflict.setting);
            let nothing = matches!(sampler, Sampler::Lcm | Sampler::DpmPp2mKarras);
            assert_eq!(spaced, if nothing { Err("timestep_spacing") } else { Ok(()) }, "{sampler}");
        }
        for sampler in [Sampler::Euler, Sampler::Heun, Sampler::DpmPpSde] {
            assert_eq!(check(sampler, Spacing::Leading, Sigmas::Beta), Ok(()));
        }
        assert_eq!(check(Sampler::DpmPp2mKarras, Spacing::Model, Sigmas::Karras), Ok(()));
    }

    #[test]
    fn what_is_wrong_and_what_to_do_is_told() {
        let text = |sampler, spacing, sigmas| check(sampler, spacing, sigmas).unwrap_err().to_string();
        let no_levels = text(Sampler::Ddim, Spacing::Model, Sigmas::Karras);
        assert!(
            no_levels.starts_with("ddim does not work on noise levels") && no_levels.contains("euler"),
            "{no_levels}"
        );
        assert!(text(Sampler::DpmPp2mKarras, Spacing::Model, Sigmas::Beta).ends_with("use dpm++2m with them"));
        assert!(
            text(Sampler::UniPc, Spacing::Trailing, Sigmas::Exponential).contains("trailing spacing changes nothing")
        );
        assert!(text(Sampler::DpmPp2mKarras, Spacing::Linspace, Sigmas::Model).starts_with("the karras noise levels"));
    }

    #[test]
    fn what_nobody_set_is_not_stored() {
        let json = |sampling: Sampling| serde_json::to_string(&sampling).unwrap();
        let plain = Sampling::new(Sampler::Euler, 7);
        assert_eq!(json(plain), r#"{"sampler":"euler","steps":7}"#);
        assert_eq!(serde_json::from_str::<Sampling>(&json(plain)).unwrap(), plain);
        let set = Sampling { timestep_spacing: Spacing::Trailing, sigmas: Sigmas::Beta, ..plain };
        assert_eq!(serde_json::from_str::<Sampling>(&json(set)).unwrap(), set);
    }
}
