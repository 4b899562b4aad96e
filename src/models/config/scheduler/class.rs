//! diffusers' scheduler classes: which of them stand for the process this program knows.

use std::str::FromStr;

/// The classes (of diffusers 0.35, without `Flax` in front and `Scheduler` at the end) whose forward process is DDPM's:
/// noise by betas. They differ in how they sample, which the experiment file decides.
const BETAS: [&str; 23] = [
    "DDIM",
    "DDIMInverse",
    "DDIMParallel",
    "DDPM",
    "DDPMParallel",
    "DEISMultistep",
    "DPMSolverMultistep",
    "DPMSolverMultistepInverse",
    "DPMSolverSDE",
    "DPMSolverSinglestep",
    "EulerAncestralDiscrete",
    "EulerDiscrete",
    "HeunDiscrete",
    "KDPM2AncestralDiscrete",
    "KDPM2Discrete",
    "LCM",
    "LMSDiscrete",
    "PNDM",
    "RePaint",
    "SASolver",
    "TCD",
    "TDD",
    "UniPCMultistep",
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
pub(crate) struct SchedulerClass;

impl FromStr for SchedulerClass {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let short = name.strip_prefix("Flax").unwrap_or(name);
        let short = short.strip_suffix("Scheduler").unwrap_or(short);
        if BETAS.contains(&short) {
            return Ok(Self);
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
        for good in ["PNDMScheduler", "FlaxDDIMScheduler", "EulerDiscreteScheduler", "LCMScheduler"] {
            assert_eq!(good.parse(), Ok(SchedulerClass));
        }
        let refused = |name: &str| name.parse::<SchedulerClass>().unwrap_err();
        assert!(refused("EDMEulerScheduler").contains("EDM model"));
        assert!(refused("FlowMatchHeunDiscreteScheduler").contains("flow-matching"));
        assert!(refused("MyOwnScheduler").contains("DDIMScheduler"));
        // Not the class that begins like a known one.
        assert!(refused("DDPMWuerstchenScheduler").contains("Würstchen"));
    }
}
