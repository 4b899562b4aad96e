//! diffusers' scheduler classes: which of them stand for the process this program knows.

use std::str::FromStr;

use crate::choice::Sampler;

/// The classes (of diffusers 0.35, without `Flax` in front and `Scheduler` at the end) whose forward process is DDPM's:
/// noise by betas. They differ in how they sample: beside each stands the sampler here that is like it.
const BETAS: [(&str, Option<Sampler>); 23] = [
    ("DDIM", Some(Sampler::Ddim)),
    ("DDIMInverse", None),
    ("DDIMParallel", Some(Sampler::Ddim)),
    ("DDPM", Some(Sampler::Ddpm)),
    ("DDPMParallel", Some(Sampler::Ddpm)),
    ("DEISMultistep", None),
    ("DPMSolverMultistep", Some(Sampler::DpmPp2m)),
    ("DPMSolverMultistepInverse", None),
    ("DPMSolverSDE", Some(Sampler::DpmPpSde)),
    ("DPMSolverSinglestep", None),
    ("EulerAncestralDiscrete", Some(Sampler::EulerA)),
    ("EulerDiscrete", Some(Sampler::Euler)),
    ("HeunDiscrete", Some(Sampler::Heun)),
    ("KDPM2AncestralDiscrete", None),
    ("KDPM2Discrete", None),
    ("LCM", Some(Sampler::Lcm)),
    ("LMSDiscrete", None),
    ("PNDM", Some(Sampler::Pndm)),
    ("RePaint", None),
    ("SASolver", None),
    ("TCD", None),
    ("TDD", None),
    ("UniPCMultistep", Some(Sampler::UniPc)),
];

/// Beginnings of the classes of other processes, and what these are.
const OTHERS: [(&str, &str); 15] = [
    ("EDM", "an EDM model, whose network is conditioned on noise levels"),
    ("CosineDPM", "an EDM model with another noise distribution"),
    ("FlowMatch", "a flow-matching model"),
    ("SCM", "a model of TrigFlow"),
    ("CMStochasticIterative", "a consistency model"),
    ("ConsistencyDecoder", "the decoder of a consistency model"),
    ("KarrasVe", "a variance-exploding model"),
    ("ScoreSde", "a score model of a stochastic differential equation"),
    ("IPNDM", "a model with noise by sines"),
    ("CogVideoX", "a video model with shifted noise levels"),
    ("UnCLIP", "a part of an unCLIP model"),
    ("DDPMWuerstchen", "a Würstchen model"),
    ("VQDiffusion", "a model of discrete tokens"),
    ("Amused", "a model of discrete tokens"),
    ("LTX", "a flow-matching video model"),
];

/// A scheduler class of the process this program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SchedulerClass {
    /// The sampler that is like it, if there is one here.
    pub(crate) sampler: Option<Sampler>,
}

impl FromStr for SchedulerClass {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let short = name.strip_prefix("Flax").unwrap_or(name);
        let short = short.strip_suffix("Scheduler").unwrap_or(short);
        if let Some((_, sampler)) = BETAS.iter().find(|(known, _)| *known == short) {
            return Ok(Self { sampler: *sampler });
        }
        let shown: String = name.chars().take(80).filter(|c| !c.is_control()).collect();
        Err(match OTHERS.iter().find(|(start, _)| short.starts_with(start)) {
            Some((_, what)) => format!(
                "\"{shown}\" belongs to {what}; only Stable Diffusion 1.x and 2.x, \
                 whose noise follows betas, can be used"
            ),
            None => format!(
                "\"{shown}\" is no scheduler known here; if the model was trained with noise that follows betas, \
                 write the name of such a scheduler of diffusers instead, e.g. \"DDIMScheduler\""
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_known_or_refused_by_name() {
        for (good, sampler) in [
            ("PNDMScheduler", Some(Sampler::Pndm)),
            ("FlaxDDIMScheduler", Some(Sampler::Ddim)),
            ("EulerDiscreteScheduler", Some(Sampler::Euler)),
            ("EulerAncestralDiscreteScheduler", Some(Sampler::EulerA)),
            ("TCDScheduler", None),
        ] {
            assert_eq!(good.parse(), Ok(SchedulerClass { sampler }));
        }
        let refused = |name: &str| name.parse::<SchedulerClass>().unwrap_err();
        assert!(refused("EDMEulerScheduler").contains("EDM model"));
        assert!(refused("FlowMatchHeunDiscreteScheduler").contains("flow-matching"));
        assert!(refused("MyOwnScheduler").contains("DDIMScheduler"));
        // Not the class that begins like a known one.
        assert!(refused("DDPMWuerstchenScheduler").contains("Würstchen"));
    }
}
