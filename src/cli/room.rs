//! Whether a device has room for the jobs of a study.

use candle_core::Device;

use crate::choice::DeviceClass;
use crate::engine::less_memory;
use crate::kernels;
use crate::plan::{Job, JobStatus};
use crate::store;
use crate::study::Resolved;
use crate::text::{bytes, plain_name};

/// A prediction may be off by this much, in percent: only what is larger than all memory even then is refused.
const OFF: u64 = 15;

/// The memory of a device, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// What is left for this program.
    pub(super) left: u64,
    /// What there is.
    pub(super) all: u64,
}

/// What a prediction means for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Fits,
    /// Less is left than is needed; something else may give memory back.
    Tight(String),
    /// The device does not have that much.
    Never(String),
}

impl Room {
    /// That of an open device; `None` where it cannot be known.
    pub(super) fn of(device: &Device) -> Option<Self> {
        match device {
            Device::Cpu => Self::of_cpu(),
            Device::Cuda(_) => kernels::cuda_memory(device).map(|(left, all)| Self { left, all }),
            Device::Metal(_) => None,
        }
    }

    /// That of a device of this class which is not open: only the CPU's is known.
    pub(super) fn of_class(class: DeviceClass) -> Option<Self> {
        if class == DeviceClass::Cpu { Self::of_cpu() } else { None }
    }

    fn of_cpu() -> Option<Self> {
        Some(Self { left: store::available_memory_bytes()?, all: store::total_memory_bytes()? })
    }
}

/// The threads that the kernels will have, without starting them.
pub(super) fn threads() -> usize {
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|number| number.parse().ok());
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.filter(|threads| *threads > 0).unwrap_or_else(cores)
}

/// Compares the jobs that are to do with the room. `memory` has the predicted bytes of each job of the plan.
pub(super) fn judge(
    study: &Resolved,
    statuses: &[JobStatus],
    memory: &[Option<u64>],
    room: Room,
    wanted: &dyn Fn(&Job) -> bool,
) -> Verdict {
    let jobs = study.plan.jobs.iter().zip(statuses).zip(memory);
    let to_do = jobs.filter(|((job, status), _)| **status != JobStatus::Cached && wanted(job));
    let most = to_do.filter_map(|((job, _), bytes)| Some((job, (*bytes)?))).max_by_key(|(_, bytes)| *bytes);
    let Some((job, needed)) = most else { return Verdict::Fits };
    if needed <= room.left {
        return Verdict::Fits;
    }
    let settings = job.cells.first().map(|&cell| &study.plan.cells[cell].settings);
    let device = study.device_class.to_string();
    let ways = less_memory(settings.map(|settings| (settings, device.as_str())));
    let what = format!("{} ({}) needs about {} of memory", job.stage, plain_name(&job.label), bytes(needed));
    if needed - needed / 100 * OFF > room.all {
        Verdict::Never(format!("{what}, and there are {}\n{ways}", bytes(room.all)))
    } else {
        Verdict::Tight(format!("{what}, and {} are left; {ways}", bytes(room.left)))
    }
}
