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

use super::join::add;

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

enum Operation {
    One(Box<dyn CustomOp1>),
    Two(Box<dyn CustomOp2>),
    Three(Box<dyn CustomOp3>),
}

/// One call of a kernel.
struct Call {
    operation: Operation,
    /// What is not read has the shape only.
    arguments: Vec<Tensor>,
    /// The arguments that want a gradient.
    wanted: Vec<Option<TensorId>>,
    result: Tensor,
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

/// Runs `work` and records the kernels it calls on this thread with tracked tensors. What they return must reach the next kernel or the
/// result of `work` as it is: candle's operations between two kernels are an error, as their gradient would be lost.
pub fn record<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Recording)> {
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

/// Gradients of a loss by variables.
pub struct Gradients(HashMap<TensorId, Tensor>);

impl Gradients {
    /// That of `variable`, if the loss depends on it; the second time `None`.
    pub fn remove(&mut self, variable: &Tensor) -> Option<Tensor> {
        self.0.remove(&variable.id())
    }

    fn add(&mut self, id: TensorId, gradient: Tensor) -> Result<()> {
        match self.0.entry(id) {
            Entry::Vacant(place) => drop(place.insert(gradient)),
            Entry::Occupied(mut place) => *place.get_mut() = add(place.get(), &gradient)?,
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
    pub fn backward(mut self, loss: &Tensor) -> Result<Gradients> {
        let store = loss.backward()?;
        let of = |id: &TensorId| Some((*id, store.get_id(*id)?.clone()));
        let mut gradients = Gradients(store.get_ids().filter_map(of).collect());
        drop(store);
        while let Some(call) = self.0.pop() {
            let Some(gradient) = gradients.0.remove(&call.id) else { continue };
            let Call { operation, arguments, wanted, result, .. } = call;
            let by_arguments = match (&operation, arguments.as_slice()) {
                (Operation::One(op), [x]) => vec![op.bwd(x, &result, &gradient)?],
                (Operation::Two(op), [x, y]) => <[_; 2]>::from(op.bwd(x, y, &result, &gradient)?).into(),
                (Operation::Three(op), [x, y, z]) => <[_; 3]>::from(op.bwd(x, y, z, &result, &gradient)?).into(),
                _ => bail!("a recorded kernel lost an argument"),
            };
            for (id, gradient) in wanted.into_iter().zip(by_arguments) {
                if let (Some(id), Some(gradient)) = (id, gradient) {
                    gradients.add(id, gradient)?;
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
    keep(Operation::One(Box::new(op)), &[x], result, reads)
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
    keep(Operation::Two(Box::new(op)), &[x, y], result, reads)
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
    keep(Operation::Three(Box::new(op)), &[x, y, z], result, reads)
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
    let kept = |x: &Tensor, read: bool| if read { Ok(x.clone()) } else { shape_of(x) };
    let call = Call {
        operation,
        arguments: of.iter().map(|x| kept(x, reads != Reads::Shapes)).collect::<Result<_>>()?,
        wanted: of.iter().map(|x| x.track_op().then(|| x.id())).collect(),
        id: result.id(),
        result: kept(&result, reads == Reads::Everything)?,
    };
    CURRENT.with_borrow_mut(|calls| calls.as_mut().map(|calls| calls.push(call)));
    Ok(result)
}

/// A tensor of the same shape that holds one number.
fn shape_of(x: &Tensor) -> Result<Tensor> {
    Tensor::zeros((), DType::F32, &Device::Cpu)?.broadcast_as(x.shape())
}
