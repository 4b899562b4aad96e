//! Operations of candle between two kernels, as one call of a recording.

use candle_core::{DType, Result, Tensor, Var};

use super::recording::{is_recorded, push};

/// Computes `work` with candle's operations. In a recording this is one call, whose gradients come from candle's graph
/// of `work`; else `work` is a part of candle's graph. For work that is too small for a kernel of its own.
///
/// `work` may use no other tracked tensors than `arguments`, and must use every one of those.
///
/// # Errors
/// If `work` fails, or if an argument is the result of an operation that is not recorded.
pub fn composed(arguments: &[&Tensor], work: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
    let recorded = is_recorded(arguments)?;
    let result = work()?;
    if !recorded {
        return Ok(result);
    }
    // Every argument is a variable, so the graph of `result` ends there.
    let value = Var::from_tensor(&result.detach())?.into_inner();
    let wanted: Vec<Option<Tensor>> = arguments.iter().map(|x| x.track_op().then(|| (*x).clone())).collect();
    push(arguments, &value, move |gradient| {
        // The gradient of this sum by `result` is `gradient`.
        let seed = (result.to_dtype(DType::F32)? * gradient.to_dtype(DType::F32)?)?.sum_all()?;
        let store = seed.backward()?;
        Ok(wanted.iter().map(|x| x.as_ref().and_then(|x| store.get(x).cloned())).collect())
    });
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::autodiff::recording::record;
    use candle_core::Device;

    #[test]
    fn a_recording_gives_the_gradients_of_the_graph() -> Result<()> {
        let x = Var::new(&[[1f32, -2.0], [3.0, 0.5]], &Device::Cpu)?;
        let w = Var::new(&[[0.5f32], [-1.0]], &Device::Cpu)?;
        let work = || composed(&[&x, &w], || x.matmul(&w)?.sqr());
        let (y, recording) = record(work)?;
        let mut gradients = recording.backward(&y.sum_all()?)?;
        let store = work()?.sum_all()?.backward()?;
        for variable in [&x, &w] {
            let (ours, graph) = (gradients.remove(variable).unwrap(), store.get(variable).unwrap());
            assert_eq!(ours.to_vec2::<f32>()?, graph.to_vec2::<f32>()?);
        }
        Ok(())
    }

    #[test]
    fn an_operation_that_is_not_recorded_is_refused() -> Result<()> {
        let x = Var::new(&[1f32, -2.0], &Device::Cpu)?;
        let doubled = (x.as_tensor() * 2.0)?;
        let error = record(|| composed(&[&doubled], || doubled.sqr())).err().unwrap();
        assert!(error.to_string().contains("not recorded"), "{error}");
        Ok(())
    }
}
