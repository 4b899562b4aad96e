//! Which study a command is about, and what is different from its file.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::{Exit, Failure, OrExit as _};
use super::options::{OutputArgs, ReportsDir, words};
use super::output::warn;
use crate::choice::DeviceClass;
use crate::event::Event;
use crate::experiment::Overrides;
use crate::study::{HubAccess, Lock, Lookup, Resolved, Study, StudyError};
use crate::worker::StopFlag;

/// Which study, and what is different from its file.
#[derive(Clone, Debug, Args)]
pub(super) struct StudyArgs {
    /// The experiment file
    #[arg(value_name = "EXPERIMENT.toml")]
    experiment: PathBuf,
    /// Change a setting, e.g. --set train.rank=8 (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Work on matching cells only, e.g. --only 'dataset.size=5 train.rank=4'; repeat it to add more. Reports show all
    /// cells
    #[arg(long, value_name = "KEY=VALUE…")]
    only: Vec<String>,
    /// auto, cpu, cuda, cuda:1 or metal; the same as --set model.device=…
    #[arg(long)]
    pub(super) device: Option<String>,
    /// Never use the network, e.g. for a model of the Hub; only `run` ever does
    #[arg(long)]
    pub(super) offline: bool,
    /// Insist that everything is as `runner lock` wrote it down
    #[arg(long)]
    locked: bool,
    #[command(flatten)]
    pub(super) reports: ReportsDir,
}

impl StudyArgs {
    /// The same as words of a command line, but for `--offline`.
    pub(super) fn words(&self) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let mut words = vec![text(&self.experiment)];
        let mut add = |name: &str, value: &str| words.push(format!("--{name}={value}"));
        self.set.iter().for_each(|set| add("set", set));
        self.only.iter().for_each(|only| add("only", only));
        self.device.iter().for_each(|device| add("device", device));
        add("reports-dir", &text(&self.reports.reports_dir));
        if self.locked {
            words.push("--locked".to_owned());
        }
        words
    }

    /// Reads and checks the file, and tells its warnings.
    pub(super) fn read(&self, output: &OutputArgs) -> Result<Study, Failure> {
        let mut set = self.set.clone();
        set.extend(self.device.iter().map(|device| format!("model.device=\"{device}\"")));
        let study = Study::read(&self.experiment, &Overrides::from_process(set));
        let study = study.map_err(|error| failure(error, output))?;
        for warning in study.warnings() {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr(), "{}", warning.render(output.error_color()));
        }
        study.only(&self.only).map_err(|error| failure(error, output))
    }
}

impl StudyArgs {
    /// With `--locked`, refuses a study that is not what its lock says.
    pub(super) fn insist(&self, study: &Resolved) -> Result<(), Failure> {
        if !self.locked {
            return Ok(());
        }
        let lock = Lock::read(&study.file).or_exit(Exit::Experiment)?;
        lock.insist(&study.lock(), &study.file).or_exit(Exit::Experiment)
    }
}

/// A study that is planned and not run: no device is opened and the network is not used.
#[derive(Debug, Args)]
pub(super) struct PlannedArgs {
    #[command(flatten)]
    pub(super) study: StudyArgs,
    #[command(flatten)]
    class: DeviceClassArgs,
}

/// For which class of devices a study is planned.
#[derive(Debug, Args)]
pub(super) struct DeviceClassArgs {
    /// Plan for this class of devices: cpu, cuda or metal. If not given: what the file names, else what the stored
    /// results of the study were made on, else what this machine has
    #[arg(long, value_name = "CLASS", value_parser = words::<DeviceClass>())]
    device_class: Option<DeviceClass>,
}

impl PlannedArgs {
    /// Reads and plans the study with what is on this machine.
    pub(super) fn open(&self, output: &OutputArgs) -> Result<Resolved, Failure> {
        let study = self.class.plan(self.study.read(output)?, &self.study.reports, output)?;
        self.study.insist(&study)?;
        Ok(study)
    }

    /// Reads and plans another study of the same store, as its file is.
    pub(super) fn open_other(&self, file: &Path, output: &OutputArgs) -> Result<Resolved, Failure> {
        self.class.plan_file(file, &self.study.reports, output)
    }
}

impl DeviceClassArgs {
    /// Plans the study of a file as it is.
    pub(super) fn plan_file(
        &self,
        file: &Path,
        reports: &ReportsDir,
        output: &OutputArgs,
    ) -> Result<Resolved, Failure> {
        let study = Study::read(file, &Overrides::from_process(Vec::new())).map_err(|error| failure(error, output))?;
        self.plan(study, reports, output)
    }

    /// The class that the user named.
    pub(super) fn chosen(&self) -> Option<DeviceClass> {
        self.device_class
    }

    fn plan(&self, study: Study, reports: &ReportsDir, output: &OutputArgs) -> Result<Resolved, Failure> {
        let lookup = Lookup {
            store: &reports.store(),
            hub: HubAccess::CacheOrAbsent,
            device_class: self.device_class,
            observer: &|_: &Event| {},
            stop: &StopFlag::new(),
        };
        let resolved = study.resolve(&lookup).map_err(|error| failure(error, output))?;
        for model in &resolved.absent {
            warn(output.error_paint(), &model.message);
        }
        Ok(resolved)
    }
}

/// Tells problems with their lines; another error is told at the end of the program.
pub(super) fn failure(error: StudyError, output: &OutputArgs) -> Failure {
    match error {
        StudyError::Problems(problems) => {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr(), "{}", problems.render(output.error_color()));
            Failure::silent(Exit::Experiment)
        }
        error @ StudyError::Selection(_) => Failure::new(Exit::NothingSelected, error),
        error if error.is_stopped() => Failure::new(Exit::Stopped, error.into_cause()),
        error => Failure::new(Exit::Experiment, error.into_cause()),
    }
}

/// Refuses a study with a model whose hash is not known: which stored results belong to it cannot be told. `so` says
/// what did not happen.
pub(super) fn models_are_known(study: &Resolved, so: &str) -> Result<(), Failure> {
    let Some(model) = study.unknown_models().into_iter().next() else { return Ok(()) };
    let error = anyhow::anyhow!(
        "{}\nwithout its files nobody can tell which stored results belong to this study, so {so}; run the experiment, \
         or make the model's cache available",
        model.message
    );
    Err(Failure::new(Exit::Experiment, error))
}
