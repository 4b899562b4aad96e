//! Which class of devices a study is planned for.

use super::read::Study;
use crate::choice::{Choice as _, DeviceClass};
use crate::experiment::Problems;
use crate::plan::{self, Facts};
use crate::store::Store;
use crate::worker::device;

/// The class a study is planned for, without opening a device: what its file names; else the class that most of its
/// stored results were made on; else what this machine would choose.
///
/// # Errors
/// Problems of the plan, which are those of any class.
pub(super) fn choose(study: &Study, facts: &Facts, store: &Store) -> Result<DeviceClass, Problems> {
    let machine = device::likely_class();
    if let Some(named) = study.device().class() {
        return Ok(named);
    }
    if !store.root().is_dir() {
        return Ok(machine);
    }
    let (mut best, mut facts) = ((0, machine), facts.clone());
    for class in [machine].into_iter().chain(DeviceClass::ALL.iter().map(|(_, class)| *class)) {
        facts.device_class = class.to_string();
        let plan = plan::make(&study.experiment, &facts)?;
        let stored = plan.jobs.iter().filter(|job| store.artifact_dir(job.stage, &job.key).is_dir()).count();
        if stored > best.0 {
            best = (stored, class);
        }
    }
    Ok(best.1)
}
