//! The way back through a recording, as [`Recording::backward_from`](crate::kernels::Recording::backward_from) goes it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::call::Tape;
use super::map::Map;
use super::meter::Held;
use super::state::Trace;

/// Gradients by the map or variable that they belong to.
pub(crate) type Gradients = BTreeMap<usize, Held>;

impl Trace {
    /// Goes back from the gradient of `result`. Returns the gradients that no call took: those of variables.
    pub(crate) fn backward(&self, mut tape: Tape, result: &Map, gradient: Held) -> Gradients {
        let mut gradients = Gradients::new();
        gradients.extend(result.id.map(|id| (id, gradient)));
        while let Some(call) = tape.pop() {
            let Some(gradient) = gradients.remove(&call.id) else { continue };
            self.last(call.lasting);
            let scratch = self.meter.hold(call.backward);
            let new: Vec<Held> = call.wanted.iter().map(|(_, bytes)| self.meter.hold(*bytes)).collect();
            drop((scratch, call.kept, call.other));
            for ((id, _), new) in call.wanted.into_iter().zip(new) {
                self.add(&mut gradients, id, new);
            }
            drop(gradient);
        }
        gradients
    }

    /// Adds a gradient to the one that is there, in new memory.
    pub(crate) fn add(&self, gradients: &mut Gradients, id: usize, new: Held) {
        match gradients.entry(id) {
            Entry::Vacant(place) => drop(place.insert(new)),
            Entry::Occupied(mut place) => {
                let sum = self.meter.hold(new.bytes());
                drop(place.insert(sum));
            }
        }
    }
}
