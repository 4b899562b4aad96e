//! `runner doctor`: what this machine offers, and what keeps a study from running on it.

use super::{
    exit::{Exit, Failure},
    model_arg::PartArgs,
    options::{OutputArgs, ReportsDir},
    output::{emit, emit_json},
    session::Session,
};
use crate::hub::Hub;
use crate::kernels::instruction_sets;
use crate::text::{bytes, plain_text, table};
use candle_core::utils;
use clap::Args;
use std::path::{Path, PathBuf};

/// Show what this machine offers: versions, devices, memory, disk
///
/// Nothing is changed and the network is not used.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner doctor\n  runner doctor --model model.safetensors\n\n\
                  Result: a table; a line that begins with ! names a problem.")]
pub struct DoctorArgs {
    #[command(flatten)]
    reports: ReportsDir,
    /// Say what a model is and whether it can be used: a diffusers folder, a .safetensors checkpoint or a Hub id
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    #[command(flatten)]
    parts: PartArgs,
}

/// One line of the answer.
struct Fact {
    name: &'static str,
    value: String,
    /// Whether it keeps a study from running.
    problem: bool,
}

fn fact(name: &'static str, value: impl Into<String>) -> Fact {
    Fact { name, value: value.into(), problem: false }
}

fn problem(name: &'static str, value: impl Into<String>) -> Fact {
    Fact { name, value: value.into(), problem: true }
}

pub(super) fn execute(args: &DoctorArgs, output: &OutputArgs) -> Result<Exit, Failure> {
    let folder = &args.reports.reports_dir;
    let mut facts = vec![
        fact("runner", env!("CARGO_PKG_VERSION")),
        fact("system", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        instructions(),
        fact("threads", threads()),
        memory(),
        cuda(),
        fact("metal", if utils::metal_is_available() { "compiled in" } else { "not compiled in" }),
        writable(folder),
    ];
    facts.extend(free_disk(folder));
    let hub = Hub::from_env(true);
    facts.push(match &hub {
        Ok(hub) => fact("hub cache", hub.cache.display().to_string()),
        Err(e) => problem("hub cache", e.to_string()),
    });
    // A setting that cannot be used is not shown: it may have a password in it.
    let fault = hub.ok().and_then(|hub| hub.check().err());
    facts.extend(fault.as_ref().map(|fault| problem("hub", fault.to_string())));
    facts.extend(
        ["HF_ENDPOINT", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES", "RAYON_NUM_THREADS", "RUNNER_INSTRUCTIONS"]
            .into_iter()
            .filter(|name| *name != "HF_ENDPOINT" || fault.is_none())
            .filter_map(|name| Some(fact(name, std::env::var_os(name)?.to_string_lossy()))),
    );
    if let Some(model) = &args.model {
        let session = Session::start(output)?;
        // Nothing is downloaded: what is missing is said.
        match args.parts.find(model, true, &session) {
            Ok(found) => {
                facts.push(fact("model", found.about()));
                facts.extend(found.warnings().iter().map(|warning| fact("model", warning)));
            }
            Err(failure) => facts.push(problem("model", failure.message().unwrap_or_else(|| model.clone()))),
        }
    }
    if output.json() {
        let members =
            facts.iter().map(|f| (f.name.to_owned(), serde_json::json!({"value": f.value, "problem": f.problem})));
        emit_json(&members.collect::<serde_json::Map<_, _>>().into())?;
    } else {
        let mark = |f: &Fact| if f.problem { "!" } else { "" };
        let row = |f: &Fact| vec![mark(f).to_owned(), f.name.to_owned(), plain_text(&f.value)];
        emit(&table(&facts.iter().map(row).collect::<Vec<_>>()))?;
    }
    Ok(if facts.iter().any(|f| f.problem) { Exit::Experiment } else { Exit::Done })
}

fn instructions() -> Fact {
    instruction_sets()
        .map_or_else(|e| problem("instructions", e.to_string()), |sets| fact("instructions", sets.join(" ")))
}

fn threads() -> String {
    std::thread::available_parallelism().map_or_else(|e| e.to_string(), |n| n.to_string())
}

/// Free memory: what Linux calls available, and the container's limit if it is smaller.
fn memory() -> Fact {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let field = |name: &str| -> Option<u64> {
        let line = info.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let (Some(total), Some(available)) = (field("MemTotal:"), field("MemAvailable:")) else {
        return fact("memory", "unknown on this system");
    };
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    let limit = limit.filter(|&limit: &u64| limit < total);
    let limited = limit.map(|limit| format!(", this container may use {}", bytes(limit))).unwrap_or_default();
    fact("memory", format!("{} of {} available{limited}", bytes(available), bytes(total)))
}

fn cuda() -> Fact {
    if !utils::cuda_is_available() {
        return fact("cuda", "not compiled in");
    }
    match crate::kernels::cuda_device(0) {
        Ok(_) => fact("cuda", "compiled in, device 0 works"),
        Err(e) => problem("cuda", format!("compiled in, but device 0 does not work: {e}")),
    }
}

/// The folder itself or the nearest one above it that exists.
fn existing(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    absolute.ancestors().find(|path| path.exists()).map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

fn writable(folder: &Path) -> Fact {
    let there = existing(folder);
    let made =
        if there.is_dir() { tempfile::tempfile_in(&there) } else { Err(std::io::ErrorKind::NotADirectory.into()) };
    match made {
        Ok(_) => fact("reports", format!("{} can be written", folder.display())),
        Err(e) => problem("reports", format!("{} cannot be written: {}: {e}", folder.display(), there.display())),
    }
}

#[cfg(unix)]
fn free_disk(folder: &Path) -> Option<Fact> {
    let stat = rustix::fs::statvfs(existing(folder)).ok()?;
    Some(fact("disk", format!("{} free", bytes(stat.f_bavail.saturating_mul(stat.f_frsize)))))
}

#[cfg(not(unix))]
fn free_disk(_: &Path) -> Option<Fact> {
    None
}
