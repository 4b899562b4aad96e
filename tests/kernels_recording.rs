//! A recording of the kernels gives the values and gradients of candle's graph. It never loses one without an error.

#[path = "common/device.rs"]
mod device;
#[path = "common/kernels.rs"]
mod kernels;

use std::panic::catch_unwind;

use candle_core::{DType, Tensor, Var};
use kernels::{Function, cases, numbers, run, vector};
use runner::kernels::{add, on_deep_stack, on_workers, record, silu};

/// The value and the gradients as [`run`] gives them, computed by a recording. Input `constant` is not tracked.
fn recorded(function: &Function, inputs: &[Tensor], constant: Option<usize>) -> Vec<Option<Tensor>> {
    let vars: Vec<Var> = inputs.iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let tracked: Vec<Tensor> = vars
        .iter()
        .enumerate()
        .map(|(i, v)| if Some(i) == constant { v.detach() } else { v.as_tensor().clone() })
        .collect();
    // Every input is used twice, so that its gradient is a sum.
    let (y, recording) = record(|| add(&function(&tracked)?, &function(&tracked)?)).unwrap();
    assert!(y.is_variable(), "a recorded result carries no graph");
    let image = numbers(&y.dims()[1..], 9).to_dtype(y.dtype()).unwrap().unsqueeze(0).unwrap();
    let image = image.broadcast_as(y.shape()).unwrap();
    let mut gradients = recording.backward(&(&y * image).unwrap().sum_all().unwrap()).unwrap();
    let mut all = vec![Some(y.detach())];
    all.extend(vars.iter().map(|v| gradients.remove(v)));
    assert!(gradients.remove(&vars[0]).is_none());
    // Value and gradients were counted twice, so half of each is exact.
    all.into_iter().map(|x| Some((x? / 2.).unwrap())).collect()
}

#[test]
fn a_recording_gives_the_gradients_of_the_graph() {
    // The kernels of the CPU take f32 activations only.
    let dtypes: &[_] = if device::device().is_cpu() { &[DType::F32] } else { &[DType::F32, DType::BF16, DType::F16] };
    for (case, dtype) in cases().iter().flat_map(|case| dtypes.iter().map(move |dtype| (case, *dtype))) {
        let cast = |(i, x): (usize, &Tensor)| if i < case.batched { x.to_dtype(dtype).unwrap() } else { x.clone() };
        let inputs: Vec<Tensor> = case.inputs.iter().enumerate().map(cast).collect();
        let graph = run(&case.fast, &inputs);
        let constants = (0..inputs.len()).filter(|_| inputs.len() > 1).map(Some);
        for constant in std::iter::once(None).chain(constants) {
            let recorded = recorded(&case.fast, &inputs, constant);
            for (i, (graph, recorded)) in graph.iter().zip(&recorded).enumerate() {
                let name = format!("{}, {dtype:?}: result {i}, constant {constant:?}", case.name);
                let Some(recorded) = recorded else {
                    assert_eq!(constant.map(|c| c + 1), Some(i), "{name}");
                    continue;
                };
                assert_eq!(graph.dims(), recorded.dims(), "{name}");
                // Here -0 equals 0, because the graph adds every gradient to zeros.
                let vector = |x: &Tensor| vector(&x.to_dtype(DType::F32).unwrap());
                assert_eq!(vector(graph), vector(recorded), "{name}");
            }
        }
    }
}

#[test]
fn what_a_recording_would_lose_is_an_error() {
    let x = Var::from_tensor(&numbers(&[2, 3, 4], 1)).unwrap();
    let error = record(|| silu(&silu(&x)?.affine(2., 0.)?)).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("not recorded"), "{error}");
    // Tensors that are not tracked are allowed, and nothing stays behind after an error.
    let (y, recording) = record(|| silu(&silu(&x.detach())?.affine(2., 0.)?)).unwrap();
    assert!(!y.track_op());
    let loss = silu(&x.affine(2., 0.).unwrap()).unwrap().sum_all().unwrap();
    assert!(recording.backward(&loss).unwrap().remove(&x).is_some());
    let nested = record(|| silu(&record(|| silu(&x))?.0)).map(|_| ()).unwrap_err().to_string();
    assert!(nested.contains("within a recording"), "{nested}");
}

/// A recording goes back from the gradient of a result, whether a kernel or candle computed the result last.
#[test]
fn a_recording_goes_on_from_a_gradient() {
    let x = Var::from_tensor(&numbers(&[2, 3, 4], 1)).unwrap();
    let gradient = numbers(&[2, 3, 4], 2);
    for after in [1., 2.] {
        let work = || if after == 1. { silu(&x) } else { silu(&x)?.affine(after, 0.) };
        let (y, recording) = record(work).unwrap();
        let by_gradient = recording.backward_from(&y, &gradient).unwrap().remove(&x).unwrap();
        let loss = (work().unwrap() * &gradient).unwrap().sum_all().unwrap();
        assert_eq!(vector(&by_gradient), vector(loss.backward().unwrap().get(&x).unwrap()));
    }
}

/// A pass is recorded on the thread that records, and work that other threads hand in is not.
#[test]
fn only_the_work_of_the_thread_that_records_is_recorded() {
    let x = Var::from_tensor(&numbers(&[5], 1)).unwrap();
    let recorded = on_deep_stack(|| Ok(record(|| on_workers(|| silu(&x)))?.0)).unwrap();
    assert!(recorded.is_variable());
    let (foreign, _) = record(|| on_deep_stack(|| silu(&x))).unwrap();
    assert!(foreign.track_op() && !foreign.is_variable());
}

#[test]
fn a_panic_ends_a_recording() {
    let x = Var::from_tensor(&numbers(&[5], 1)).unwrap();
    assert!(catch_unwind(|| record(|| -> candle_core::Result<Tensor> { panic!("on purpose") })).is_err());
    assert!(silu(&x.affine(2., 0.).unwrap()).is_ok());
}
