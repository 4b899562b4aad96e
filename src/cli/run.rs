//! `runner run X.toml`, or just `runner X.toml`: does what is not done yet and writes the report.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::Device;
use clap::Args;

use super::again::{again, unraced};
use super::browser;
use super::devices::Devices;
use super::exit::{Exit, Failure, OrExit as _};
use super::live::LivePage;
use super::memory;
use super::opened::{Opened, open_store, resolve};
use super::output::tell;
use super::session::Session;
use super::study::StudyArgs;
use super::time::TimeArgs;
use crate::engine::{FailedCell, Run, Summary, Terms, Watched};
use crate::event::Event;
use crate::report::data::Live;
use crate::report::{self, Extras, Owner};
use crate::store::Store;
use crate::study::{Resolved, Study};
use crate::text::{count, plain_name, plain_text};
use crate::worker::Stages;
use crate::worker::device;

/// Run a study: whatever is not in the store yet is made, then the report is written
///
/// Can be stopped at any moment (Ctrl-C saves a checkpoint first) and run again: it goes on where it was, and the
/// result is the same. A cell that fails does not stop the others.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  runner experiments/shinchan.toml\n  \
        runner run experiments/shinchan.toml --only 'dataset.size=5' --set train.steps=200\n\n\
        Result: reports/<name>/index.html, with every image, number and adapter as a plain file beside it.")]
pub struct RunArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// Let several processes work, one for each of these devices, e.g. cuda:0,cuda:1; cpu:2 stands for two with half of
    /// the cores each
    #[arg(long, value_name = "LIST", conflicts_with = "device")]
    devices: Option<Devices>,
    /// Begin nothing new after N failed cells
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_fail: Option<u32>,
    #[command(flatten)]
    time: TimeArgs,
    /// Replace the report of another experiment of the same name
    #[arg(long)]
    replace: bool,
    /// Open the report in the browser as soon as it is there; it shows how far the run is
    #[arg(long)]
    open: bool,
}

/// A study that can begin, and the folder of its report.
pub struct Planned {
    study: Resolved,
    store: Store,
    /// Without it, workers do the jobs.
    device: Option<Device>,
    report: ReportPlace,
}

/// Where the report goes, and whose it is.
struct ReportPlace {
    folder: PathBuf,
    owner: Owner,
}

impl RunArgs {
    /// Reads and checks the experiment file.
    ///
    /// # Errors
    /// A file that is not usable, or no cell that is selected.
    pub fn read(&self, session: &Session) -> Result<Study, Failure> {
        let mut args = self.study.clone();
        args.device = self.devices.as_ref().map(|devices| devices.first().to_owned()).or(args.device);
        args.read(&session.output)
    }

    /// Opens the device, looks up photos and models, downloads what is missing of these, and plans.
    ///
    /// # Errors
    /// A device, photo, model, store or report folder that cannot be used.
    pub fn plan(&self, study: Study, session: &Session) -> Result<Planned, Failure> {
        let (device, class) = match &self.devices {
            Some(devices) => (None, devices.class()),
            None => {
                let device = device::open(study.device()).or_exit(Exit::Experiment)?;
                let class = device::class(&device);
                (Some(device), class)
            }
        };
        let mut study = resolve(&self.study, study, class, session)?;
        let folder = self.study.reports.reports_dir.join(&study.plan.name);
        let owner = Owner::new(&study.file, &study.whole, &folder, self.replace);
        owner.check(&folder).or_exit(Exit::Experiment)?;
        let store = open_store(&self.study, &mut study)?;
        Ok(Planned { study, store, device, report: ReportPlace { folder, owner } })
    }

    /// Makes what is not in the store; writes the report while it does, and at the end.
    ///
    /// # Errors
    /// A store that does not work, e.g. because the disk is full.
    pub fn work(&self, planned: Planned, session: &Session) -> Result<Summary, Failure> {
        let Planned { study, store, device, report } = planned;
        let whole = study.whole.clone();
        let to_open = AtomicBool::new(self.open);
        let written_to = store.clone();
        let write_report = |live: Option<&Live>| -> anyhow::Result<()> {
            report::build(&whole, &written_to, &report.folder, &report.owner, Extras { live, ..Extras::default() })?;
            session.tell(&Event::ReportWritten { folder: report.folder.clone() });
            if to_open.swap(false, Ordering::Relaxed)
                && let Some(message) = browser::show(&report.folder.join("index.html"))
            {
                session.tell(&Event::Warning { message });
            }
            Ok(())
        };
        let done = match device {
            Some(device) => self.work_here(Opened { study, device, store }, session, &write_report)?,
            None => self.let_work(&study, &store, session, &write_report).or_exit(Exit::Internal)?,
        };
        if done.is_err() {
            // The page must not say that the run goes on. Its own error would hide the one that is told.
            let _ = write_report(None);
        }
        done.or_exit(Exit::Internal)
    }

    /// Does the jobs in this process.
    fn work_here(
        &self,
        opened: Opened,
        session: &Session,
        write_report: WriteReport<'_>,
    ) -> Result<anyhow::Result<Summary>, Failure> {
        let observer = memory::watch(&opened, session, &|_| true)?;
        let Opened { study, device, store } = opened;
        let store = store.of_worker(device::name(&device));
        let write_live = |live: &Live| write_report(Some(live));
        let live = LivePage::new(&observer, &study.plan, &store, &write_live);
        let run = Run {
            plan: &study.plan,
            store: &store,
            observer: &live,
            stop: &session.stop,
            max_fail: self.max_fail.map(|n| n as usize),
            terms: Terms { time: self.time.begin(session), ..Terms::default() },
            worker: device::name(&device),
            device: study.device_class.to_string(),
        };
        let mut worker = Stages::new(device, study.photos, study.models, study.encoders);
        Ok(run.execute(&mut worker, &mut || write_report(None)))
    }

    /// Lets workers do the jobs, and watches them.
    fn let_work(
        &self,
        study: &Resolved,
        store: &Store,
        session: &Session,
        write_report: WriteReport<'_>,
    ) -> std::io::Result<anyhow::Result<Summary>> {
        let program = std::env::current_exe()?.into_os_string();
        let mut more: Vec<OsString> = self.max_fail.iter().map(|n| format!("--max-fail={n}").into()).collect();
        more.extend(self.time.to_word());
        let posts = self.devices.iter().flat_map(|devices| devices.posts(&self.study, &program, &more)).collect();
        let write_live = |live: &Live| write_report(Some(live));
        let live = LivePage::new(&*session.terminal, &study.plan, store, &write_live);
        self.time.begin(session);
        let (plan, stop, device) = (&study.plan, &session.stop, study.device_class.to_string());
        let watched = Watched { plan, store, observer: &live, stop, posts, device };
        Ok(watched.execute(&mut || write_report(None)))
    }
}

/// Writes the report, of a run that goes on or of one that has ended.
type WriteReport<'a> = &'a (dyn Fn(Option<&Live>) -> anyhow::Result<()> + Sync);

/// Tells how the run ended and what can be done.
pub fn finish(summary: &Summary, session: &Session) -> Exit {
    let paint = session.output.error_paint();
    let mut text = tell_failed(summary, session);
    if let Some(reason) = &summary.report_error {
        text += &format!("{} the report was not written: {}\n", paint.red("error:"), plain_text(reason));
    }
    if !summary.raced.is_empty() {
        let cells = count(summary.raced.len(), "cell");
        text += &format!("the race stopped {cells}; to finish them all the same:\n  {}\n", unraced());
    }
    if summary.stopped {
        text += &format!("stopped; nothing is lost. To go on:\n  {}\n", again());
    } else if !summary.failed.is_empty() {
        text += &format!("to try what failed again:\n  {}\n", again());
    } else if summary.report_error.is_some() {
        text += &format!("all results are kept; mend that and run again:\n  {}\n", again());
    }
    tell(&text);
    exit(summary)
}

/// A line for each cell that failed, with its reason.
pub(super) fn tell_failed(summary: &Summary, session: &Session) -> String {
    let red = session.output.error_paint().red("failed:");
    let line = |cell: &FailedCell| {
        format!("{red} {} ({}): {}\n", plain_name(&cell.label), cell.stage, plain_text(&cell.reason))
    };
    summary.failed.iter().map(line).collect()
}

fn exit(summary: &Summary) -> Exit {
    match summary {
        Summary { stopped: true, .. } => Exit::Stopped,
        Summary { report_error: Some(_), .. } => Exit::Internal,
        Summary { failed, skipped, .. } if failed.is_empty() && skipped.is_empty() => Exit::Done,
        _ => Exit::SomeFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;

    #[test]
    fn exit_codes_say_how_it_ended() {
        let cell = FailedCell { label: "a".into(), stage: Stage::Train, reason: "x".into() };
        assert_eq!(exit(&Summary { done: vec!["a".into()], ..Summary::default() }), Exit::Done);
        assert_eq!(exit(&Summary { failed: vec![cell.clone()], ..Summary::default() }), Exit::SomeFailed);
        let stopped = Summary { failed: vec![cell], skipped: vec!["b".into()], stopped: true, ..Summary::default() };
        assert_eq!(exit(&stopped), Exit::Stopped);
    }
}
