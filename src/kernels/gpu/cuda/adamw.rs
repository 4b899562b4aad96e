//! A step of AdamW in one kernel.

use candle_core::{DType, Result, Tensor, bail};

use super::address::{address, device};
use super::launch::{Grid, launch, long};
use super::output::output;
use crate::kernels::layers::adamw::AdamWStep;

/// See [`adamw`](crate::kernels::adamw()).
pub(crate) fn adamw(
    value: &Tensor,
    first: &Tensor,
    second: &Tensor,
    gradient: &Tensor,
    step: AdamWStep,
) -> Result<[Tensor; 3]> {
    let (shape, count) = (value.shape(), value.elem_count());
    let all = [value, first, second, gradient].map(|x| x.detach().contiguous());
    let [value, first, second, gradient] = all;
    let (value, first, second, gradient) = (value?, first?, second?, gradient?);
    if [&value, &first, &second, &gradient].iter().any(|x| x.shape() != shape || x.dtype() != DType::F32) {
        bail!("adamw: {:?} {:?} {:?} {:?}", value, first, second, gradient);
    }
    let next = output(&value, (3, count), DType::F32)?;
    let arguments = [
        address(&value)?.into(),
        address(&first)?.into(),
        address(&second)?.into(),
        address(&gradient)?.into(),
        address(&next)?.into(),
        long(count),
        ((1.0 - step.beta1) as f32).into(),
        (step.beta2 as f32).into(),
        ((1.0 - step.beta2) as f32).into(),
        (step.kept as f32).into(),
        (step.step_size as f32).into(),
        ((1.0 / step.second_correction) as f32).into(),
        (step.epsilon as f32).into(),
    ];
    // SAFETY: each thread below `count` reads a number of each and writes three.
    unsafe { launch(device(&value)?, "adamw_f32", Grid::numbers(count, 1), &arguments)? };
    let part = |i: usize| next.get(i)?.reshape(shape);
    Ok([part(0)?, part(1)?, part(2)?])
}
