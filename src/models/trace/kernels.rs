//! The kernels, as far as memory is concerned: each makes a result and, if it is recorded, a call on the tape.

use candle_core::DType;

use super::call::{Call, Lasting, Reads};
use super::map::Map;
use super::state::Trace;
use crate::choice::AdapterKind;
use crate::kernels::{CallBytes, Conv2d, ConvSizes, Linear, Room};
use crate::models::adaptable::AdaptableLayer;

impl Trace {
    /// A frozen fully connected layer.
    pub(crate) fn linear(&self, x: &Map, layer: &Linear) -> Map {
        let dims = (layer.out_features(), layer.in_features());
        let call = self.machine.product(self.storage, dims, x.rows());
        self.call(&x.with_channels(dims.0), &[x], Reads::Shapes, call, self.turned(layer))
    }

    /// Such a layer with what an adapter, if there is one, adds to it. Other kinds than a LoRA compute the change of
    /// the whole weight from two products, f32.
    pub(crate) fn adapted(&self, x: &Map, layer: &Linear, about: &AdaptableLayer) -> Map {
        let adapters = self.adapters.filter(|adapters| about.is_in(adapters.targets));
        let Some(adapters) = adapters else { return self.linear(x, layer) };
        let dims = (layer.out_features(), layer.in_features());
        let mut call = self.machine.lora(self.storage, dims, adapters.rank, x.rows());
        if adapters.kind != AdapterKind::Lora {
            let changes = 12 * (dims.0 * dims.1) as u64;
            call = CallBytes { kept: call.kept + changes, backward: call.backward + changes, ..call };
        }
        if adapters.dropout {
            // The mask, and the kernel's copy.
            call.kept += 8 * x.numbers() as u64;
        }
        let variables = (self.new_id(), 4 * (adapters.rank * (dims.0 + dims.1)) as u64);
        let lasting = if x.id.is_some() { self.turned(layer) } else { Lasting::default() };
        self.with_variables(&x.with_channels(dims.0), &[x], Reads::Arguments, call, (lasting, Some(variables)))
    }

    /// A frozen convolution.
    pub(crate) fn conv(&self, x: &Map, layer: &Conv2d) -> Map {
        let (output, input, side) = layer.sizes();
        let (batch, from) = match x.dims() {
            [batch, height, width, _] => (*batch, (*height, *width)),
            _ => (1, (1, x.rows())),
        };
        let (padding, stride) = (layer.padding(), layer.stride());
        let reach = |length: usize, padding: usize| (length + padding).saturating_sub(side) / stride + 1;
        let to = (reach(from.0, padding.top + padding.bottom), reach(from.1, padding.left + padding.right));
        let call = self.machine.conv(self.storage, ConvSizes { batch, from, to, input, output, side, stride });
        self.enlarge(call.room);
        let turned = self.machine.convolution(self.storage, (output, input), side, stride).turned;
        let lasting = Lasting { layer: std::ptr::from_ref(layer) as usize, turned, room: call.room_backward };
        self.call(&[batch, to.0, to.1, output], &[x], Reads::Shapes, call, lasting)
    }

    /// A frozen convolution with what an adapter, if there is one, adds to it: a convolution to `rank` channels, and a
    /// product. Other kinds than a LoRA are taken as one.
    pub(crate) fn adapted_conv(&self, x: &Map, layer: &Conv2d, about: &AdaptableLayer) -> Map {
        let y = self.conv(x, layer);
        let Some(adapters) = self.adapters.filter(|adapters| about.is_in(adapters.targets)) else { return y };
        let (output, input, side) = layer.sizes();
        let variable = |numbers: usize| (Lasting::default(), Some((self.new_id(), 4 * numbers as u64)));
        let dims = y.with_channels(adapters.rank);
        let none = CallBytes::default();
        let down = variable(adapters.rank * input * side * side);
        let hidden = self.with_variables(&dims, &[x], Reads::Arguments, none, down);
        let up = variable(output * adapters.rank);
        let added = self.with_variables(y.dims(), &[&hidden], Reads::Arguments, none, up);
        self.joined(&[&y, &added], y.dims())
    }

    /// Attention. `dtype`: the type that products are rounded to where the processor can.
    pub(crate) fn attention(&self, [q, k, v]: [&Map; 3], heads: usize, dtype: DType) -> Map {
        let batch = q.dims().first().copied().unwrap_or(1).max(1);
        let sizes = (batch, heads, q.channels() / heads.max(1));
        let call = self.machine.attention(dtype, sizes, (q.rows() / batch, k.rows() / batch));
        let reads = if self.machine.is_cpu() { Reads::Everything } else { Reads::Arguments };
        self.call(q.dims(), &[q, k, v], reads, call, Lasting::default())
    }

    /// The type that the products of attention are rounded to: that of the weights, unless they are to be f32.
    pub(crate) fn products(&self, upcast: bool) -> DType {
        if upcast { DType::F32 } else { self.storage.dtype }
    }

    /// A norm or an activation function: a kernel whose gradient reads its argument, and whose result has its shape.
    pub(crate) fn norm(&self, x: &Map) -> Map {
        self.call(x.dims(), &[x], Reads::Arguments, CallBytes::default(), Lasting::default())
    }

    /// One half of the channels times a function of the other half.
    pub(crate) fn geglu(&self, x: &Map) -> Map {
        let dims = x.with_channels(x.channels() / 2);
        self.call(&dims, &[x], Reads::Arguments, CallBytes::default(), Lasting::default())
    }

    /// A kernel whose gradient reads no numbers, such as a sum.
    pub(crate) fn joined(&self, arguments: &[&Map], dims: &[usize]) -> Map {
        self.call(dims, arguments, Reads::Shapes, CallBytes::default(), Lasting::default())
    }

    /// Bytes of a layer's turned copy.
    fn turned(&self, layer: &Linear) -> Lasting {
        let turned = self.machine.dense(self.storage, layer.out_features(), layer.in_features()).turned;
        Lasting { layer: std::ptr::from_ref(layer) as usize, turned, room: Room::default() }
    }

    fn call(&self, dims: &[usize], of: &[&Map], reads: Reads, bytes: CallBytes, lasting: Lasting) -> Map {
        self.with_variables(dims, of, reads, bytes, (lasting, None))
    }

    /// A kernel's result and, in a recording, its call if one of the arguments is tracked or it has variables.
    fn with_variables(
        &self,
        dims: &[usize],
        of: &[&Map],
        reads: Reads,
        bytes: CallBytes,
        (lasting, variables): (Lasting, Option<(usize, u64)>),
    ) -> Map {
        let scratch = self.meter.hold(bytes.forward);
        let result = self.map(dims);
        drop(scratch);
        let tracked = of.iter().filter_map(|x| Some((x.id?, self.bytes(x.numbers()))));
        let wanted: Vec<(usize, u64)> = tracked.chain(variables).collect();
        let mut tape = self.tape.borrow_mut();
        let Some(tape) = tape.as_mut().filter(|_| !wanted.is_empty()) else { return result };
        let result = result.with_id(self.new_id());
        let mut kept: Vec<Map> = Vec::new();
        if reads != Reads::Shapes {
            kept.extend(of.iter().map(|x| (*x).clone()));
        }
        if reads == Reads::Everything {
            kept.push(result.clone());
        }
        let (other, id) = (self.meter.hold(bytes.kept), result.id.unwrap_or_default());
        tape.push(Call { kept, other, wanted, id, backward: bytes.backward, lasting });
        result
    }
}
