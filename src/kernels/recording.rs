//! Recordings of kernels for the backward pass.
//!
//! candle's own backward pass adds every gradient to fresh zeros, on one thread, and the graph keeps every activation until the loss is
//! dropped. A [`Recording`] of the kernels' calls keeps only what their gradients read, hands gradients on without sums that need no
//! sum, and frees activations on its way. It holds what ran on a CPU's fast path; all other operations stay in candle's graph, which
//! ends where a recording begins: every recorded result is a candle variable.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Layout, Result, Shape, Storage, Tensor, TensorId, Var,
    bail,
};

use super::cpu::join::sum;
use super::cpu::tensors::with_slice;

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

/// A kernel and its arguments; what its gradient does not read has the shape only.
enum Operation {
    One(Box<dyn CustomOp1>, Tensor),
    Two(Box<dyn CustomOp2>, [Tensor; 2]),
    Three(Box<dyn CustomOp3>, [Tensor; 3]),
}

/// One call of a kernel.
struct Call {
    operation: Operation,
    /// The arguments that want a gradient.
    wanted: Vec<Option<TensorId>>,
    id: TensorId,
    /// As the arguments.
    result: Tensor,
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
            Entry::Occupied(mut place) => {
                let numbers = with_slice(place.get(), |old| with_slice(&gradient, |new| Ok(sum(old, new))))?;
                *place.get_mut() = Tensor::from_vec(numbers, gradient.shape(), gradient.device())?;
            }
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
            let Call { operation, wanted, result, .. } = call;
            let by_arguments = match operation {
                Operation::One(op, x) => vec![op.bwd(&x, &result, &gradient)?],
                Operation::Two(op, [x, y]) => <[_; 2]>::from(op.bwd(&x, &y, &result, &gradient)?).into(),
                Operation::Three(op, [x, y, z]) => <[_; 3]>::from(op.bwd(&x, &y, &z, &result, &gradient)?).into(),
            };
            for (id, gradient) in wanted.into_iter().zip(by_arguments) {
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
    keep(Operation::One(Box::new(op), reads.of(x)?), &[x], result, reads)
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
    keep(Operation::Two(Box::new(op), [reads.of(x)?, reads.of(y)?]), &[x, y], result, reads)
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
    keep(Operation::Three(Box::new(op), [reads.of(x)?, reads.of(y)?, reads.of(z)?]), &[x, y, z], result, reads)
}

/// Whether a call with these arguments belongs into the current recording.
fn is_recorded(arguments: &[&Tensor]) -> Result<bool> {
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

/// Records a call; gives its result as a variable.
fn keep(operation: Operation, of: &[&Tensor], result: (CpuStorage, Shape), reads: Reads) -> Result<Tensor> {
    let (CpuStorage::F32(numbers), shape) = result else { bail!("a kernel returned something else than f32") };
    let result = Var::from_vec(numbers, shape, &Device::Cpu)?.into_inner();
    let call = Call {
        operation,
        wanted: of.iter().map(|x| x.track_op().then(|| x.id())).collect(),
        id: result.id(),
        result: if reads == Reads::Everything { result.clone() } else { shape_of(&result)? },
    };
    CURRENT.with_borrow_mut(|calls| calls.as_mut().map(|calls| calls.push(call)));
    Ok(result)
}

/// A tensor of the same shape that holds one number.
fn shape_of(x: &Tensor) -> Result<Tensor> {
    Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(x.shape())
}
