//! From an experiment file on the command line to a plan that can be run, shown or reported.

use super::{
    arguments::{OutputArgs, ReportsDir},
    exit::{Exit, Failure, OrExit},
    memories::Memories,
    sampler_steps,
};
use crate::{
    event::Observer,
    experiment::{Experiment, Overrides, Problem, Problems, SelectError, settings::Base},
    plan::{self, Facts, Plan},
    report::Owner,
    term::Terminal,
    worker::{BaseModel, StopFlag, device},
};
use candle_core::Device;
use clap::Args;
use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

/// Which study, and what is different from its file.
#[derive(Debug, Args)]
pub(super) struct StudyArgs {
    /// The experiment file
    #[arg(value_name = "EXPERIMENT.toml")]
    pub(super) experiment: PathBuf,
    /// Change a setting, e.g. --set train.rank=8 (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Work on matching cells only, e.g. --only 'dataset.size=5 train.rank=4'; repeat it to add more. Reports show all cells
    #[arg(long, value_name = "KEY=VALUE…")]
    only: Vec<String>,
    /// auto, cpu, cuda, cuda:1 or metal; the same as --set model.device=…
    #[arg(long)]
    device: Option<String>,
    /// Never use the network, e.g. for a model of the Hub
    #[arg(long)]
    offline: bool,
    /// CPU threads; all cores if not given
    #[arg(long, short, value_name = "N")]
    pub(super) jobs: Option<std::num::NonZeroUsize>,
    #[command(flatten)]
    pub(super) reports: ReportsDir,
}

/// A study that has been read, checked and planned.
pub(super) struct Study {
    /// The cells that were selected.
    pub(super) plan: Plan,
    /// All cells of the file: a report is about all of them.
    pub(super) whole: Plan,
    pub(super) facts: Facts,
    pub(super) device: Device,
    pub(super) models: BTreeMap<Base, BaseModel>,
    /// Of model files and photos; kept in the store.
    pub(super) memories: Memories,
}

impl StudyArgs {
    /// The study as its file says it, without the network.
    pub(super) fn of_file(experiment: &Path, reports: &ReportsDir) -> Self {
        Self {
            experiment: experiment.to_path_buf(),
            set: Vec::new(),
            only: Vec::new(),
            device: None,
            offline: true,
            jobs: None,
            reports: reports.clone(),
        }
    }

    /// [`Self::open_with`] for a command that does not run anything: a download is shown, but not as events.
    pub(super) fn open(&self, output: &OutputArgs) -> Result<Study, Failure> {
        let terminal = Terminal::new(output.progress, output.error_paint(), false);
        self.open_with(output, &terminal, &StopFlag::new())
    }

    /// Reads and checks everything that can be checked without loading a model, and downloads what is missing of one;
    /// decodes every photo that was not decoded before.
    pub(super) fn open_with(
        &self,
        output: &OutputArgs,
        observer: &dyn Observer,
        stop: &StopFlag,
    ) -> Result<Study, Failure> {
        let color = output.error_color();
        let told = |problems: &Problems| {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(std::io::stderr(), "{}", problems.render(color));
            Failure::silent(Exit::Experiment)
        };
        let mut set = self.set.clone();
        set.extend(self.device.iter().map(|device| format!("model.device=\"{device}\"")));
        let experiment = Experiment::load(&self.experiment, &Overrides::from_process(set)).map_err(|p| told(&p))?;
        for warning in &experiment.warnings {
            let _ = writeln!(std::io::stderr(), "{}", warning.render(color));
        }
        let selected = experiment.select(&self.only).map_err(|error| match error {
            SelectError::Nothing { .. } => Failure::new(Exit::NothingSelected, error),
            SelectError::Wrong(problem) => told(&problem),
        })?;
        let device = device::open(experiment.settings.model.device).or_exit(Exit::Experiment)?;
        let mut models: BTreeMap<Base, BaseModel> = BTreeMap::new();
        let mut memories = Memories::open(&self.reports.store());
        let Memories { hashes, photos, .. } = &mut memories;
        let class = device::class(&device);
        let mut facts = Facts::gather(&experiment, class, photos, &mut |base| -> anyhow::Result<String> {
            let model = BaseModel::find(base, self.offline, hashes, observer, stop)?;
            let hash = model.hash.clone();
            models.insert(base.clone(), model);
            Ok(hash)
        })
        .map_err(Failure::of_model)?;
        for (base, model) in &models {
            facts.base_warnings.insert(base.clone(), model.warnings().to_vec());
        }
        facts.read_prompts(&experiment, &|base, prompt| Some(models.get(base)?.tokenizer().read(prompt)));
        memories.keep();
        check_sizes(&experiment, &models).map_err(|problems| told(&problems))?;
        sampler_steps::check(&experiment, &models).map_err(|problems| told(&problems))?;
        let whole = plan::make(&experiment, &facts).map_err(|problems| told(&problems))?;
        let plan = whole.clone().only(&selected);
        Ok(Study { plan, whole, facts, device, models, memories })
    }
}

impl Study {
    /// Whose report is in `folder`: an error, before any slow work, if it is another experiment's.
    pub(super) fn owner(&self, experiment: &Path, folder: &Path, replace: bool) -> Result<Owner, Failure> {
        let owner = Owner::new(experiment, &self.whole, folder, replace);
        owner.check(folder).or_exit(Exit::Experiment)?;
        Ok(owner)
    }
}

/// Sizes must fit the model: its autoencoder and every halving of the UNet.
fn check_sizes(experiment: &Experiment, models: &BTreeMap<Base, BaseModel>) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for (index, cell) in experiment.cells().iter().enumerate() {
        let settings = &cell.settings;
        let Some(model) = models.get(&settings.model.base) else { continue };
        let multiple = model.summary.unet_multiple.max(1);
        let sizes = [
            ("dataset.resolution", settings.dataset.resolution),
            ("generate.width", settings.generate.images.width),
            ("generate.height", settings.generate.images.height),
        ];
        for (key, size) in sizes {
            // Width and height are the resolution unless the file gives them: then one message is enough.
            if !size.is_multiple_of(multiple) && (key == "dataset.resolution" || size != settings.dataset.resolution) {
                let message = format!("`{key}` is {size}, which this model cannot do");
                let (below, above) = (size / multiple * multiple, size.next_multiple_of(multiple));
                let problem = Problem::error(experiment.place(key, Some(index)), message)
                    .expected(format!("a multiple of {multiple}, e.g. {}", if below == 0 { above } else { below }));
                problems.push(problem);
            }
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok(()) }
}
