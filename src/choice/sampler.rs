//! The samplers, by the names that people use.

use super::words::{Choice, written_as_word};

/// How noise becomes an image. The methods are in `sampling::samplers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampler {
    /// The one that suits the model: its family knows which.
    Model,
    /// DDIM with η = 0.
    Ddim,
    /// PNDM without Runge-Kutta steps (PLMS): one model call more than steps.
    Pndm,
    /// Euler's method on σ.
    Euler,
    /// Euler's method with ancestral noise, which it draws while it samples.
    EulerA,
    /// DPM-Solver++ of second order, multistep.
    DpmPp2m,
    /// The same on the noise levels of Karras et al.
    DpmPp2mKarras,
    /// UniPC, B(h) version 2, of second order.
    UniPc,
    /// Heun's method on σ: twice as many model calls as steps, less one.
    Heun,
    /// Ancestral sampling of DDPM; draws noise while it samples, and wants many steps.
    Ddpm,
    /// Sampling of latent consistency models, 1 to 50 steps; draws noise while it samples.
    Lcm,
    /// DPM-Solver++ of second order for the SDE, multistep; draws noise while it samples.
    DpmPp2mSde,
    /// DPM-Solver++ for the SDE, single step: twice as many model calls as steps, less one; draws noise while it
    /// samples.
    DpmPpSde,
}

impl Choice for Sampler {
    const NOUN: &'static str = "sampler";
    const ALL: &'static [(&'static str, Self)] = &[
        ("model", Self::Model),
        ("ddim", Self::Ddim),
        ("pndm", Self::Pndm),
        ("euler", Self::Euler),
        ("euler-a", Self::EulerA),
        ("dpm++2m", Self::DpmPp2m),
        ("dpm++2m-karras", Self::DpmPp2mKarras),
        ("unipc", Self::UniPc),
        ("heun", Self::Heun),
        ("ddpm", Self::Ddpm),
        ("lcm", Self::Lcm),
        ("dpm++2m-sde", Self::DpmPp2mSde),
        ("dpm++sde", Self::DpmPpSde),
    ];
}

written_as_word!(Sampler);

/// What noise levels that are not those of the timesteps are laid out on.
pub(super) enum Levels {
    /// Nobody knows before the model is known.
    Unknown,
    /// The sampler does not work on them.
    None,
    /// It always has those of Karras et al.
    Karras,
    /// From the first to the last level of the model.
    WholeRange,
    /// From the level of the first timestep that is visited to that of the last.
    OfTimesteps,
}

impl Sampler {
    /// This one, or `usual` where the model decides.
    #[must_use]
    pub fn or(self, usual: Self) -> Self {
        if self == Self::Model { usual } else { self }
    }

    /// Where noise levels that are not those of the timesteps lie.
    pub(super) fn levels(self) -> Levels {
        match self {
            Self::Model => Levels::Unknown,
            Self::Ddim | Self::Pndm | Self::EulerA | Self::Ddpm | Self::Lcm => Levels::None,
            Self::DpmPp2mKarras => Levels::Karras,
            Self::DpmPp2m | Self::DpmPp2mSde | Self::UniPc => Levels::WholeRange,
            Self::Euler | Self::Heun | Self::DpmPpSde => Levels::OfTimesteps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for (word, sampler) in Sampler::ALL {
            assert_eq!(word.parse(), Ok(*sampler));
            assert_eq!(sampler.to_string(), *word);
            assert_eq!(serde_json::to_value(sampler).unwrap(), *word);
            assert_eq!(serde_json::from_value::<Sampler>((*word).into()).unwrap(), *sampler);
        }
    }

    #[test]
    fn a_model_decides_only_where_nobody_else_does() {
        assert_eq!(Sampler::Model.or(Sampler::Euler), Sampler::Euler);
        assert_eq!(Sampler::Ddim.or(Sampler::Euler), Sampler::Ddim);
    }

    #[test]
    fn an_unknown_word_is_told_with_those_there_are() {
        let error = "dpm".parse::<Sampler>().unwrap_err().to_string();
        assert!(error.contains("unknown sampler \"dpm\"; there are model, ddim, pndm, euler, euler-a"), "{error}");
    }
}
