//! What the jobs of a study will hold in memory, and whether the device has room for it.

use super::resolve::Resolved;
use crate::kernels::Machine;
use crate::plan::{self, MemoryFacts};

impl Resolved {
    /// The bytes that each job of the plan holds at most, in the order of the jobs, on a device of the planned class
    /// and with `threads` threads. `None` where nobody can tell.
    #[must_use]
    pub fn memory(&self, threads: usize) -> Vec<Option<u64>> {
        let machine = Machine { device: self.device_class, threads };
        let facts = MemoryFacts {
            machine,
            networks: self.models.values().map(|model| (model.hash.clone(), model.networks())).collect(),
            encoders: self
                .encoders
                .values()
                .filter_map(|encoder| Some((encoder.hash.clone(), encoder.memory(machine)?)))
                .collect(),
        };
        plan::memory(&self.plan, &facts)
    }
}
