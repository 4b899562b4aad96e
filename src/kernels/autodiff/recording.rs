//! Recordings of the kernels that a model called, for the backward pass.
//!
//! candle's own backward pass adds every gradient to fresh zeros, on one thread, and its graph keeps every activation
//! until the loss is dropped. A [`Recording`] keeps only what the kernels' gradients read, adds gradients only where
//! there are several, and frees activations on its way back.
//!
//! A recording holds the calls of the fast CPU kernels and of the CUDA kernels. All other operations stay in candle's
//! graph, which ends where a recording begins: every recorded result is a candle variable. `docs/autodiff.md` tells
//! more.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use candle_core::{DType, Result, Tensor, TensorId, bail};

use crate::kernels::host::numbers::{is_fast, with_slice};
use crate::kernels::host::sum::sum;

/// Maps the gradient of a kernel's result to the gradients of its arguments. It keeps only what it needs of the
/// arguments.
type Backward = dyn FnOnce(&Tensor) -> Result<Vec<Option<Tensor>>>;

/// One recorded call of a kernel.
struct Call {
    backward: Box<Backward>,
    /// The arguments in order; `None` for those that want no gradient.
    wanted: Vec<Option<TensorId>>,
    /// The result.
    id: TensorId,
}

thread_local! {
    static CURRENT: RefCell<Option<Vec<Call>>> = const { RefCell::new(None) };
}

/// Puts the previous recording back when it is dropped.
struct Restore(Option<Vec<Call>>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.replace(self.0.take());
    }
}

/// The calls of kernels with tracked tensors, in order.
pub struct Recording(Vec<Call>);

/// Runs `work` and records the kernels that it calls on this thread with tracked tensors.
///
/// candle's own operations may come before the first kernel and after the last one.
///
/// # Errors
/// If `work` fails, if an operation of candle comes between two kernels (its gradient would be lost), or if another
/// recording is under way on this thread.
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

/// Runs `work` without recording it. A thread of a pool may be asked to do the work of others.
pub(crate) fn unrecorded<T>(work: impl FnOnce() -> T) -> T {
    let _before = Restore(CURRENT.take());
    work()
}

/// The gradients of a loss by the tensors that it depends on.
pub struct Gradients(HashMap<TensorId, Tensor>);

impl Gradients {
    /// Takes the gradient by `variable` out. `None` if the loss does not depend on it, or if it was taken before.
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
    /// The gradients of `loss`, a scalar computed from the results of the recorded kernels. candle's backward pass goes
    /// from the loss to those results, then the recorded calls are gone through from the last to the first.
    ///
    /// # Errors
    /// If a gradient cannot be computed.
    pub fn backward(self, loss: &Tensor) -> Result<Gradients> {
        let store = loss.backward()?;
        let of = |id: &TensorId| Some((*id, store.get_id(*id)?.clone()));
        self.gradients(Gradients(store.get_ids().filter_map(of).collect()))
    }

    /// The gradients of a loss whose gradient by `result` is `gradient`. Both have the same shape.
    ///
    /// # Errors
    /// If a gradient cannot be computed.
    pub fn backward_from(self, result: &Tensor, gradient: &Tensor) -> Result<Gradients> {
        self.backward_from_all([(result, gradient)])
    }

    /// The gradients of a loss whose gradients by several results are given, each with its result.
    ///
    /// # Errors
    /// If a gradient cannot be computed.
    pub fn backward_from_all<'a>(self, seeds: impl IntoIterator<Item = (&'a Tensor, &'a Tensor)>) -> Result<Gradients> {
        let mut gradients = Gradients(HashMap::new());
        for (result, gradient) in seeds {
            if self.0.iter().any(|call| call.id == result.id()) || !result.track_op() || result.is_variable() {
                gradients.add(result.id(), gradient.clone())?;
                continue;
            }
            // The gradient of this sum by `result` is `gradient`.
            let store = (result.to_dtype(DType::F32)? * gradient.to_dtype(DType::F32)?)?.sum_all()?.backward()?;
            for id in store.get_ids() {
                store.get_id(*id).map_or(Ok(()), |gradient| gradients.add(*id, gradient.clone()))?;
            }
        }
        self.gradients(gradients)
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

/// Whether a call with these arguments belongs into the current recording.
///
/// # Errors
/// If an argument is the result of an operation that is not recorded: its gradient would be lost.
pub(crate) fn is_recorded(arguments: &[&Tensor]) -> Result<bool> {
    if CURRENT.with_borrow(Option::is_none) || !arguments.iter().any(|x| x.track_op()) {
        return Ok(false);
    }
    match arguments.iter().find(|x| x.track_op() && !x.is_variable()) {
        Some(x) => bail!("a kernel was given {:?} numbers of an operation that is not recorded", x.dims()),
        None => Ok(true),
    }
}

/// Records the call that gave `result`, a variable.
pub(crate) fn push(
    of: &[&Tensor],
    result: &Tensor,
    backward: impl FnOnce(&Tensor) -> Result<Vec<Option<Tensor>>> + 'static,
) {
    let wanted = of.iter().map(|x| x.track_op().then(|| x.id())).collect();
    let call = Call { backward: Box::new(backward), wanted, id: result.id() };
    CURRENT.with_borrow_mut(|calls| calls.as_mut().map(|calls| calls.push(call)));
}
