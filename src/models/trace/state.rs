//! What is held while a network computes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use super::call::{Lasting, Tape};
use super::map::Map;
use super::meter::Meter;
use crate::choice::{AdapterKind, Targets};
use crate::kernels::{Machine, Room, Storage};
use crate::models::adaptable::AdaptableLayer;

/// An adapter, as far as memory is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adapters {
    /// What is added to a layer.
    pub kind: AdapterKind,
    /// The layers that it changes.
    pub targets: Targets,
    /// Inner width.
    pub rank: usize,
    /// Whether the adapter's inputs are dropped at random.
    pub dropout: bool,
}

/// Counts what kernels hold.
pub(crate) struct Trace {
    pub(super) machine: Machine,
    pub(super) storage: Storage,
    pub(super) meter: Meter,
    pub(super) tape: RefCell<Option<Tape>>,
    pub(super) adapters: Option<Adapters>,
    next: Cell<usize>,
    room: Cell<Room>,
    turned: RefCell<BTreeSet<usize>>,
}

impl Trace {
    /// Nothing is held yet.
    pub(crate) fn new(machine: Machine, storage: Storage, adapters: Option<Adapters>) -> Self {
        Self {
            machine,
            storage,
            meter: Meter::default(),
            tape: RefCell::default(),
            adapters,
            next: Cell::new(0),
            room: Cell::default(),
            turned: RefCell::default(),
        }
    }

    /// The counter.
    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Whether an adapter changes one of these layers.
    pub(crate) fn adapts<'a>(&self, mut layers: impl Iterator<Item = &'a AdaptableLayer>) -> bool {
        self.adapters.is_some_and(|adapters| layers.any(|layer| layer.is_in(adapters.targets)))
    }

    /// Records the kernels that `work` calls.
    pub(crate) fn record<T>(&self, work: impl FnOnce() -> T) -> (T, Tape) {
        self.tape.replace(Some(Tape::default()));
        let result = work();
        (result, self.tape.take().unwrap_or_default())
    }

    /// A tensor in the activations' type that no kernel made.
    pub(crate) fn map(&self, dims: &[usize]) -> Map {
        Map::new(dims, None, self.meter.hold(self.bytes(dims.iter().product())))
    }

    /// The same map as a variable: its gradient is wanted.
    pub(crate) fn variable(&self, map: &Map) -> Map {
        map.with_id(self.new_id())
    }

    /// Bytes of so many numbers in the activations' type.
    pub(crate) fn bytes(&self, numbers: usize) -> u64 {
        numbers as u64 * self.machine.activation(self.storage.dtype)
    }

    pub(super) fn new_id(&self) -> usize {
        self.next.set(self.next.get() + 1);
        self.next.get()
    }

    /// Threads keep the scratch of the largest call.
    pub(super) fn enlarge(&self, room: Room) {
        let (old, new) = (self.room.get(), self.room.get().and(room));
        self.room.set(new);
        self.meter.keep(new.bytes(self.machine.threads) - old.bytes(self.machine.threads));
    }

    /// Keeps what stays after a gradient.
    pub(super) fn last(&self, lasting: Lasting) {
        if lasting.turned > 0 && self.turned.borrow_mut().insert(lasting.layer) {
            self.meter.keep(lasting.turned);
        }
        self.enlarge(lasting.room);
    }
}
