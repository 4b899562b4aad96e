//! The learning rate over the optimizer steps.

use std::f64::consts::PI;

use crate::experiment::settings::{LrScheduler, TrainRecipe};

/// Shape of the learning rate, by the names of diffusers' `SchedulerType`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LrCurve {
    /// The peak at every step; no warm-up.
    Constant,
    /// Warm-up, then the peak.
    ConstantWithWarmup,
    /// Warm-up, then a straight line to 0.
    Linear,
    /// Warm-up, then half a cosine to 0.
    Cosine,
    /// Warm-up, then `cycles` half cosines, each from the peak to 0.
    CosineWithRestarts {
        /// Number of half cosines.
        cycles: usize,
    },
    /// Warm-up, then `(1 - progress)^power` down to an absolute learning rate of 1e-7.
    Polynomial {
        /// Exponent; 1 is a straight line.
        power: f64,
    },
}

/// A curve with its lengths; a pure function of the step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrSchedule {
    /// The shape.
    pub curve: LrCurve,
    /// The highest learning rate.
    pub peak: f64,
    /// Steps of linear rise from 0 (of which the first has a rate of 0, as in diffusers).
    pub warmup_steps: usize,
    /// Steps of the whole training.
    pub total_steps: usize,
}

impl From<&TrainRecipe> for LrSchedule {
    fn from(recipe: &TrainRecipe) -> Self {
        let curve = match recipe.lr_scheduler {
            LrScheduler::Constant => LrCurve::Constant,
            LrScheduler::ConstantWithWarmup => LrCurve::ConstantWithWarmup,
            LrScheduler::Linear => LrCurve::Linear,
            LrScheduler::Cosine => LrCurve::Cosine,
            LrScheduler::CosineWithRestarts => LrCurve::CosineWithRestarts { cycles: recipe.lr_cycles },
            LrScheduler::Polynomial => LrCurve::Polynomial { power: recipe.lr_power },
        };
        Self { curve, peak: recipe.learning_rate, warmup_steps: recipe.lr_warmup_steps, total_steps: recipe.steps }
    }
}

/// Where [`LrCurve::Polynomial`] ends.
const POLYNOMIAL_END: f64 = 1e-7;

impl LrSchedule {
    /// The learning rate of the optimizer step number `step`, counted from 0.
    ///
    /// Equal to `diffusers.optimization.get_scheduler` of diffusers 0.42
    /// (<https://github.com/huggingface/diffusers/blob/58eb52c/src/diffusers/optimization.py>), whose `LambdaLR`
    /// starts at step 0. A peak of at most 1e-7 makes `Polynomial` constant (diffusers refuses it).
    #[must_use]
    pub fn learning_rate(&self, step: usize) -> f64 {
        self.peak * self.factor(step)
    }

    fn factor(&self, step: usize) -> f64 {
        if self.curve == LrCurve::Constant {
            return 1.0;
        }
        if step < self.warmup_steps {
            return step as f64 / self.warmup_steps as f64;
        }
        let decay_steps = self.total_steps.saturating_sub(self.warmup_steps).max(1) as f64;
        let progress = (step - self.warmup_steps) as f64 / decay_steps;
        match self.curve {
            LrCurve::Constant | LrCurve::ConstantWithWarmup => 1.0,
            LrCurve::Linear => ((self.total_steps as f64 - step as f64) / decay_steps).max(0.0),
            LrCurve::Cosine => (0.5 * (1.0 + (PI * progress).cos())).max(0.0),
            LrCurve::CosineWithRestarts { .. } if progress >= 1.0 => 0.0,
            LrCurve::CosineWithRestarts { cycles } => {
                (0.5 * (1.0 + (PI * ((cycles as f64 * progress) % 1.0)).cos())).max(0.0)
            }
            LrCurve::Polynomial { power } => {
                let end = POLYNOMIAL_END.min(self.peak) / self.peak;
                if step > self.total_steps { end } else { (1.0 - end) * (1.0 - progress).powf(power) + end }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        peak: f64,
        warmup: usize,
        total: usize,
        cycles: usize,
        power: f64,
        rates: Vec<f64>,
    }

    #[test]
    fn all_six_equal_diffusers_at_every_step() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../tests/golden/training/lr_schedules.json")).unwrap();
        assert_eq!(cases.len(), 42);
        for case in cases {
            let curve = match case.name.as_str() {
                "constant" => LrCurve::Constant,
                "constant_with_warmup" => LrCurve::ConstantWithWarmup,
                "linear" => LrCurve::Linear,
                "cosine" => LrCurve::Cosine,
                "cosine_with_restarts" => LrCurve::CosineWithRestarts { cycles: case.cycles },
                _ => LrCurve::Polynomial { power: case.power },
            };
            let schedule = LrSchedule { curve, peak: case.peak, warmup_steps: case.warmup, total_steps: case.total };
            for (step, expected) in case.rates.iter().enumerate() {
                let got = schedule.learning_rate(step);
                assert!((got - expected).abs() <= 1e-12 * case.peak, "{} step {step}: {got} {expected}", case.name);
            }
        }
    }

    #[test]
    fn odd_lengths_stay_finite() {
        for curve in [LrCurve::Linear, LrCurve::Cosine, LrCurve::Polynomial { power: 2.0 }] {
            for (warmup_steps, total_steps) in [(0, 0), (5, 5), (9, 3)] {
                let schedule = LrSchedule { curve, peak: 1e-8, warmup_steps, total_steps };
                assert!((0..12).all(|step| (0.0..=1e-8).contains(&schedule.learning_rate(step))), "{schedule:?}");
            }
        }
    }
}
