//! How a study's photos and models are looked up.

use std::path::Path;

use crate::choice::DeviceClass;
use crate::event::Observer;
use crate::worker::{Access, StopFlag};

/// Where base models of the Hub may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubAccess {
    /// What is missing is downloaded.
    Download,
    /// They must be in the cache.
    Cache,
    /// They may be absent: then the study is planned as far as it can be.
    CacheOrAbsent,
}

/// How the photos and the models of a study are looked up.
pub struct Lookup<'a> {
    /// Folder of the store. It remembers what was found out before, and holds results that tell the device class.
    pub store: &'a Path,
    /// Where base models of the Hub may come from.
    pub hub: HubAccess,
    /// The class of devices to plan for. `None`: what the file names, else the class of the study's stored results,
    /// else what this machine would choose.
    pub device_class: Option<DeviceClass>,
    /// Who is told of a download.
    pub observer: &'a dyn Observer,
    /// Ends a download.
    pub stop: &'a StopFlag,
}

impl<'a> Lookup<'a> {
    /// How a model of the Hub is looked for.
    pub(super) fn access(&self) -> Access<'a> {
        Access { offline: self.hub != HubAccess::Download, observer: self.observer, stop: self.stop }
    }
}
