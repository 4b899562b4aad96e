//! Which class of devices a study is planned for.

use super::study::Study;
use crate::experiment::Problems;
use crate::plan::{self, Facts};
use crate::store::Store;
use crate::worker::device::DeviceClass;

/// The class a study is planned for, without opening a device: what its file names; else the class that most of its
/// stored results were made on; else what this machine would choose.
///
/// # Errors
/// Problems of the plan, which are those of any class.
pub(super) fn choose(study: &Study, facts: &Facts, store: &Store) -> Result<DeviceClass, Problems> {
    let machine = DeviceClass::of_machine();
    if let Some(named) = DeviceClass::of_setting(study.device()) {
        return Ok(named);
    }
    if !store.root().is_dir() {
        return Ok(machine);
    }
    let (mut best, mut facts) = ((0, machine), facts.clone());
    for class in [machine].into_iter().chain(DeviceClass::ALL) {
        facts.device_class = class.name().to_owned();
        let plan = plan::make(&study.experiment, &facts)?;
        let stored = plan.jobs.iter().filter(|job| store.artifact_dir(job.stage, &job.key).is_dir()).count();
        if stored > best.0 {
            best = (stored, class);
        }
    }
    Ok(best.1)
}
