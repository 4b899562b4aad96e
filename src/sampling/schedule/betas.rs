//! The betas and what follows from them, in f32 and with torch's rounding.

use super::settings::{BetaSchedule, ScheduleSettings};

/// A beta, as f32, that is not between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("a beta of the schedule is {0}, but every beta must be between 0 and 1")]
pub struct BetaOutOfRange(pub f32);

/// β_t, the variance added by each step of the forward process.
pub(super) fn betas(settings: &ScheduleSettings) -> Result<Vec<f32>, BetaOutOfRange> {
    let steps = settings.train_timesteps;
    let betas: Vec<f32> = match &settings.betas {
        BetaSchedule::Linear { start, end } => linspace(*start as f32, *end as f32, steps),
        BetaSchedule::ScaledLinear { start, end } => {
            linspace(start.sqrt() as f32, end.sqrt() as f32, steps).into_iter().map(|root| root * root).collect()
        }
        BetaSchedule::SquaredCosCapV2 => (0..steps).map(|step| cosine_beta(step, steps)).collect(),
        BetaSchedule::Trained(betas) => betas.iter().map(|beta| *beta as f32).collect(),
    };
    match betas.iter().find(|beta| !(**beta > 0.0 && **beta < 1.0)) {
        Some(beta) => Err(BetaOutOfRange(*beta)),
        None => Ok(betas),
    }
}

/// Nichol and Dhariwal 2021, [arXiv 2102.09672](https://arxiv.org/abs/2102.09672), eq. 17, capped at 0.999.
fn cosine_beta(step: usize, steps: usize) -> f32 {
    let alpha_bar = |t: f64| {
        let cosine = ((t + 0.008) / 1.008 * std::f64::consts::PI / 2.0).cos();
        cosine * cosine
    };
    let (from, to) = (step as f64 / steps as f64, (step + 1) as f64 / steps as f64);
    (1.0 - alpha_bar(to) / alpha_bar(from)).min(0.999) as f32
}

/// `torch.linspace` in f32: counted from the nearer end, multiply-adds fused.
fn linspace(start: f32, end: f32, steps: usize) -> Vec<f32> {
    let step = (end - start) / (steps - 1) as f32;
    (0..steps)
        .map(
            |i| {
                if i < steps / 2 { step.mul_add(i as f32, start) } else { (-step).mul_add((steps - i - 1) as f32, end) }
            },
        )
        .collect()
}

/// ᾱ_t = Π (1 − β_s); like `torch.cumprod` the product is kept in f64 and every term rounded to f32.
pub(super) fn cumulative_alphas(betas: &[f32]) -> Vec<f32> {
    betas
        .iter()
        .scan(1.0f64, |product, beta| {
            *product *= f64::from(1.0 - beta);
            Some(*product as f32)
        })
        .collect()
}

/// Lin et al. 2023, [arXiv 2305.08891](https://arxiv.org/abs/2305.08891), algorithm 1: the betas whose last ᾱ is 0
/// and whose first is unchanged.
pub(super) fn rescale_zero_terminal_snr(alphas_cumprod: &[f32]) -> Vec<f32> {
    let mut roots: Vec<f32> = alphas_cumprod.iter().map(|alpha| alpha.sqrt()).collect();
    let (Some(first), Some(last)) = (roots.first().copied(), roots.last().copied()) else { return Vec::new() };
    let scale = first / (first - last);
    let mut before = 1.0;
    for root in &mut roots {
        *root = (*root - last) * scale;
        let alpha_bar = *root * *root;
        *root = 1.0 - alpha_bar / before;
        before = alpha_bar;
    }
    roots
}
