//! From an experiment file to a study that can begin: looked up, planned, its device and its store open.

use candle_core::Device;

use super::exit::{Exit, Failure, OrExit as _};
use super::session::Session;
use super::study::{StudyArgs, failure};
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
        let lookup = Lookup {
            store: &args.reports.store(),
            hub: if args.offline { HubAccess::Cache } else { HubAccess::Download },
            device_class: Some(device::class(&device)),
            observer: &*session.terminal,
            stop: &session.stop,
        };
        let study = study.resolve(&lookup).map_err(|error| failure(error, &session.output))?;
        args.insist(&study)?;
        Ok(Self { study, device })
    }

    /// Opens the store.
    ///
    /// # Errors
    /// A store that cannot be made or written.
    pub(super) fn open(self, args: &StudyArgs) -> Result<Opened, Failure> {
        let Self { mut study, device } = self;
        let store = Store::open(&args.reports.store()).or_exit(Exit::Experiment)?;
        // The first run of all makes the store only now.
        study.memories.keep();
        Ok(Opened { study, device, store })
    }
}
