//! Recordings of kernels for the backward pass.
//!
//! candle's own backward pass adds every gradient to fresh zeros, on one thread, and the graph keeps every activation until the loss is
//! dropped. A [`Recording`] of the kernels' calls keeps only what their gradients read, hands gradients on without sums that need no
//! sum, and frees activations on its way. It holds what ran on a CPU's fast path or CUDA's; all other operations stay in candle's graph,
//! which ends where a recording begins: every recorded result is a candle variable.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Layout, Result, Shape, Storage, Tensor, TensorId, Var,
    bail,
};

use super::cpu::join::sum;
use super::cpu::tensors::{is_fast, with_slice};

/// What the gradient of an operation reads besides the gradient of its result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// Only shapes.
    Shapes,
    /// The numbers of its arguments.
    Arguments,
    /// Those of its result, too.
    Everything,
}

impl Reads {
    /// What is kept of an argument.
    fn of(self, argument: &Tensor) -> Result<Tensor> {
        if self == Self::Shapes { shape_of(argument) } else { Ok(argument.clone()) }
    }
}

/// Gives the gradients of a kernel's arguments for that of its result. What it does not read of them it does not keep.
type Backward = dyn FnOnce(&Tensor) -> Result<Vec<Option<Tensor>>>;

/// One call of a kernel.
struct Call {
    backward: Box<Backward>,
    /// The arguments that want a gradient.
    wanted: Vec<Option<TensorId>>,
    id: TensorId,
}

thread_local! {
    static CURRENT: RefCell<Option<Vec<Call>>> = const { RefCell::new(None) };
}

/// Puts back what was current when it is dropped.
struct Restore(Option<Vec<Call>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.replace(self.0.take());
    }
}

/// The kernels that `work` called on tracked tensors, in order.
pub struct Recording(Vec<Call>);

/// Runs `work` and records the kernels it calls on this thread with tracked tensors. candle's operations may come before the first and
/// after the last kernel. Between two they are an error, as their gradient would be lost; so is a recording within a recording.
pub fn record<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Recording)> {
    if CURRENT.with_borrow(Option::is_some) {
        bail!("a recording within a recording would lose gradients");
    }
    let before = Restore(CURRENT.replace(Some(Vec::new())));
    let result = work()?;
    let calls = CURRENT.take().unwrap_or_default();
    drop(before);
    Ok((result, Recording(calls)))
}

/// Runs `work`, which may be anybody's, without recording it.
pub(super) fn unrecorded<T>(work: impl FnOnce() -> T) -> T {
    let _before = Restore(CURRENT.take());
    work()
}

/// Gradients of a loss, by the variables and constants it depends on.
pub struct Gradients(HashMap<TensorId, Tensor>);

impl Gradients {
    /// That of `variable`, if the loss depends on it; the second time `None`.
    pub fn remove(&mut self, variable: &Tensor) -> Option<Tensor> {
        self.0.remove(&variable.id())
    }

    fn add(&mut self, id: TensorId, gradient: Tensor) -> Result<()> {
        match self.0.entry(id) {
            Entry::Vacant(place) => drop(place.insert(gradient)),
            Entry::Occupied(mut place) if is_fast(&gradient) => {
                let numbers = with_slice(place.get(), |old| with_slice(&gradient, |new| Ok(sum(old, new))))?;
                *place.get_mut() = Tensor::from_vec(numbers, gradient.shape(), gradient.device())?;
            }
            Entry::Occupied(mut place) => *place.get_mut() = (place.get() + gradient)?,
        }
        Ok(())
    }
}

impl Recording {
    /// The gradients of `loss`, a scalar computed from results of the recorded kernels: candle's backward pass to those results, then the
    /// recorded calls from the last to the first.
    ///
    /// # Errors
    /// If a gradient cannot be computed.
    pub fn backward(self, loss: &Tensor) -> Result<Gradients> {
        let store = loss.backward()?;
        let of = |id: &TensorId| Some((*id, store.get_id(*id)?.clone()));
        self.gradients(Gradients(store.get_ids().filter_map(of).collect()))
    }

    /// The gradients of a loss whose gradient by `result` is `gradient`, of the same shape.
    ///
    /// # Errors
    /// If a gradient cannot be computed.
    pub fn backward_from(self, result: &Tensor, gradient: &Tensor) -> Result<Gradients> {
        if self.0.iter().any(|call| call.id == result.id()) {
            return self.gradients(Gradients(HashMap::from([(result.id(), gradient.clone())])));
        }
        // The derivative of this sum by `result` is `gradient`.
        let seed = (result.to_dtype(DType::F32)? * gradient.to_dtype(DType::F32)?)?.sum_all()?;
        self.backward(&seed)
    }

    fn gradients(mut self, mut gradients: Gradients) -> Result<Gradients> {
        while let Some(call) = self.0.pop() {
            let Some(gradient) = gradients.0.remove(&call.id) else { continue };
            let by_arguments = (call.backward)(&gradient)?;
            for (id, gradient) in call.wanted.into_iter().zip(by_arguments) {
                match (id, gradient) {
                    (Some(id), Some(gradient)) => gradients.add(id, gradient)?,
                    (Some(_), None) => bail!("a recorded kernel gave no gradient for an argument that wants one"),
                    (None, _) => {}
                }
            }
        }
        Ok(gradients)
    }
}

/// Calls a kernel on contiguous CPU tensors.
pub(super) fn apply1(x: &Tensor, op: impl CustomOp1 + Send + Sync + 'static, reads: Reads) -> Result<Tensor> {
    if !is_recorded(&[x])? {
        return x.apply_op1(op);
    }
    let result = with_storage(x, |x, layout| op.cpu_fwd(x, layout))?;
    let kept = reads.of(x)?;
    keep(&[x], result, reads, move |result, gradient| Ok(vec![op.bwd(&kept, result, gradient)?]))
}

/// As [`apply1`], for two arguments.
pub(super) fn apply2(
    x: &Tensor,
    y: &Tensor,
    op: impl CustomOp2 + Send + Sync + 'static,
    reads: Reads,
) -> Result<Tensor> {
    if !is_recorded(&[x, y])? {
        return x.apply_op2(y, op);
    }
    let result = with_storage(x, |x, x_layout| with_storage(y, |y, y_layout| op.cpu_fwd(x, x_layout, y, y_layout)))?;
    let kept = [reads.of(x)?, reads.of(y)?];
    keep(&[x, y], result, reads, move |result, gradient| {
        let [x, y] = &kept;
        Ok(<[_; 2]>::from(op.bwd(x, y, result, gradient)?).into())
    })
}

/// As [`apply1`], for three arguments.
pub(super) fn apply3(
    [x, y, z]: [&Tensor; 3],
    op: impl CustomOp3 + Send + Sync + 'static,
    reads: Reads,
) -> Result<Tensor> {
    if !is_recorded(&[x, y, z])? {
        return x.apply_op3(y, z, op);
    }
    let result = with_storage(x, |x, x_layout| {
        with_storage(y, |y, y_layout| with_storage(z, |z, z_layout| op.cpu_fwd(x, x_layout, y, y_layout, z, z_layout)))
    })?;
    let kept = [reads.of(x)?, reads.of(y)?, reads.of(z)?];
    keep(&[x, y, z], result, reads, move |result, gradient| {
        let [x, y, z] = &kept;
        Ok(<[_; 3]>::from(op.bwd(x, y, z, result, gradient)?).into())
    })
}

/// Whether a call with these arguments belongs into the current recording.
pub(super) fn is_recorded(arguments: &[&Tensor]) -> Result<bool> {
    if CURRENT.with_borrow(Option::is_none) || !arguments.iter().any(|x| x.track_op()) {
        return Ok(false);
    }
    match arguments.iter().find(|x| x.track_op() && !x.is_variable()) {
        Some(x) => bail!("a kernel was given {:?} numbers of an operation that is not recorded", x.dims()),
        None => Ok(true),
    }
}

fn with_storage<R>(x: &Tensor, f: impl FnOnce(&CpuStorage, &Layout) -> Result<R>) -> Result<R> {
    let (storage, layout) = x.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => f(storage, layout),
        _ => bail!("a CPU kernel was given a tensor of another device"),
    }
}

/// Records a call on a CPU; gives its result as a variable. `backward` gets the result, or its shape only, and its gradient.
fn keep(
    of: &[&Tensor],
    result: (CpuStorage, Shape),
    reads: Reads,
    backward: impl FnOnce(&Tensor, &Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
) -> Result<Tensor> {
    let (CpuStorage::F32(numbers), shape) = result else { bail!("a kernel returned something else than f32") };
    let result = Var::from_vec(numbers, shape, &Device::Cpu)?.into_inner();
    let kept = if reads == Reads::Everything { result.clone() } else { shape_of(&result)? };
    push(of, &result, move |gradient| backward(&kept, gradient));
    Ok(result)
}

/// Records the call that gave a variable.
pub(super) fn push(
    of: &[&Tensor],
    result: &Tensor,
    backward: impl FnOnce(&Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
) {
    let wanted = of.iter().map(|x| x.track_op().then(|| x.id())).collect();
    let call = Call { backward: Box::new(backward), wanted, id: result.id() };
    CURRENT.with_borrow_mut(|calls| calls.as_mut().map(|calls| calls.push(call)));
}

/// A tensor of the same shape that holds one number.
fn shape_of(x: &Tensor) -> Result<Tensor> {
    Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(x.shape())
}
