//! How the results of a store were made. Each manifest is read once, when it is first asked for.

use std::collections::BTreeMap;

use crate::stage::{Key, KeyInputs, Stage};
use crate::store::{Manifest, Store};

/// The manifests of a store, by stage.
pub(super) struct History<'a> {
    store: &'a Store,
    stages: BTreeMap<Stage, Vec<Manifest>>,
}

impl<'a> History<'a> {
    /// Nothing is read yet.
    pub(super) fn of(store: &'a Store) -> Self {
        Self { store, stages: BTreeMap::new() }
    }

    /// The manifests of a stage, sorted by key; unreadable ones are passed over.
    pub(super) fn of_stage(&mut self, stage: Stage) -> &[Manifest] {
        self.stages.entry(stage).or_insert_with(|| self.store.manifests(stage))
    }

    /// The stored result with the fewest differing inputs (the newest of several), among those whose key `counts`.
    pub(super) fn nearest(
        &mut self,
        stage: Stage,
        inputs: &KeyInputs,
        counts: &dyn Fn(&Key) -> bool,
    ) -> Option<&Manifest> {
        let mut best: Option<(usize, &Manifest)> = None;
        for manifest in self.of_stage(stage).iter().filter(|manifest| counts(&manifest.key)) {
            let differing = inputs.changes_from(&manifest.inputs).len();
            let better = best
                .is_none_or(|(least, old)| differing < least || (differing == least && manifest.created > old.created));
            if better {
                best = Some((differing, manifest));
            }
        }
        best.map(|(_, manifest)| manifest)
    }
}
