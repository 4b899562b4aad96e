//! From an experiment file to a study that can begin: looked up, planned, its device and its store open.

use candle_core::Device;

use super::exit::{Exit, Failure, OrExit as _};
use super::session::Session;
use super::study::{StudyArgs, failure};
use crate::choice::DeviceClass;
use crate::store::Store;
use crate::study::{HubAccess, Lookup, Resolved, Study};
use crate::worker::device;

/// A study with everything it needs from outside, and its open device. Nothing was written for it yet.
pub(super) struct Found {
    pub(super) study: Resolved,
    device: Device,
}

/// A study that can begin.
pub(super) struct Opened {
    pub(super) study: Resolved,
    pub(super) device: Device,
    pub(super) store: Store,
}

impl Found {
    /// Opens the device, looks up photos and models, downloads what is missing of these, and plans.
    ///
    /// # Errors
    /// A device, photo or model that cannot be used.
    pub(super) fn look_up(args: &StudyArgs, study: Study, session: &Session) -> Result<Self, Failure> {
        let device = device::open(study.device()).or_exit(Exit::Experiment)?;
        let study = resolve(args, study, device::class(&device), session)?;
        Ok(Self { study, device })
    }

    /// Opens the store.
    ///
    /// # Errors
    /// A store that cannot be made or written.
    pub(super) fn open(self, args: &StudyArgs) -> Result<Opened, Failure> {
        let Self { mut study, device } = self;
        let store = open_store(args, &mut study)?.of_worker(device::name(&device));
        Ok(Opened { study, device, store })
    }
}

/// Looks up photos and models, downloads what is missing of these, and plans for a class of devices.
///
/// # Errors
/// A photo or model that cannot be used.
pub(super) fn resolve(
    args: &StudyArgs,
    study: Study,
    class: DeviceClass,
    session: &Session,
) -> Result<Resolved, Failure> {
    let lookup = Lookup {
        store: &args.reports.store(),
        hub: if args.offline { HubAccess::Cache } else { HubAccess::Download },
        device_class: Some(class),
        observer: &*session.terminal,
        stop: &session.stop,
    };
    let study = study.resolve(&lookup).map_err(|error| failure(error, &session.output))?;
    args.insist(&study)?;
    Ok(study)
}

/// Opens the store, and keeps in it what was found out.
///
/// # Errors
/// A store that cannot be made or written.
pub(super) fn open_store(args: &StudyArgs, study: &mut Resolved) -> Result<Store, Failure> {
    let store = Store::open(&args.reports.store()).or_exit(Exit::Experiment)?;
    // The first run of all makes the store only now.
    study.memories.keep();
    Ok(store)
}
