//! `--devices`: which workers a run starts, and how.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::process::Command;
use std::str::FromStr;
use std::thread::available_parallelism;

use super::study::StudyArgs;
use crate::choice::{Device, DeviceClass};
use crate::engine::Post;

/// More processes than any machine is good for.
const MOST: usize = 64;

/// The devices of the workers of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Devices {
    class: DeviceClass,
    /// What to call each worker, and the device it works on.
    workers: Vec<(String, String)>,
}

impl FromStr for Devices {
    type Err = String;

    /// Reads `cuda:0,cuda:1` or `cpu:2`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut classes = Vec::new();
        let mut workers: Vec<(String, String)> = Vec::new();
        for word in text.split(',').map(str::trim) {
            let count =
                word.strip_prefix("cpu:").and_then(|count| count.parse().ok()).filter(|n| (1..=MOST).contains(n));
            let device = if count.is_some() { Some(Device::Cpu) } else { Device::parse(word) };
            let class = device.and_then(Device::class);
            classes.push(class.ok_or_else(|| format!("`{word}` is none of cpu:<processes>, cuda:<number> and metal"))?);
            match count {
                Some(count) => workers.extend((1..=count).map(|n| (format!("cpu-{n}"), "cpu".to_owned()))),
                None => workers.push((word.to_owned(), word.to_owned())),
            }
        }
        classes.dedup();
        let &[class] = &classes[..] else {
            return Err(
                "results are the same on devices of one kind only: name CPU or GPU workers, not both".to_owned()
            );
        };
        let mut names: Vec<&String> = workers.iter().map(|(name, _)| name).collect();
        names.sort();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) if class == DeviceClass::Cpu => Err(format!("{} is named twice: write cpu:2 for two", pair[0])),
            Some(pair) => Err(format!("{} is named twice", pair[0])),
            None => Ok(Self { class, workers }),
        }
    }
}

impl Devices {
    /// The class of all of them.
    pub(super) fn class(&self) -> DeviceClass {
        self.class
    }

    /// What stands in `--device` for a study that is read for these workers.
    pub(super) fn first(&self) -> &str {
        &self.workers[0].1
    }

    /// The workers, which share the threads of this run. `more` stands behind the arguments of each.
    pub(super) fn posts<'a>(
        &'a self,
        study: &'a StudyArgs,
        program: &'a OsString,
        more: &'a [OsString],
    ) -> Vec<Post<'a>> {
        let given = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok());
        let threads = given.unwrap_or_else(|| available_parallelism().map_or(1, NonZeroUsize::get));
        let threads = (threads / self.workers.len()).max(1);
        let post = move |(name, device): &'a (String, String)| {
            let mut study = study.clone();
            study.device = Some(device.clone());
            let start = move || {
                let mut command = Command::new(program);
                command.arg("work").args(study.words()).args(study.offline.then_some("--offline")).args(more);
                command.args(["--until-eof", "--format", "json", "--progress", "none", "--color", "never"]);
                command.arg("--jobs").arg(threads.to_string());
                command
            };
            Post { name: name.clone(), command: Box::new(start) }
        };
        self.workers.iter().map(post).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_read() {
        let names = |text: &str| -> Vec<String> {
            let workers = Devices::from_str(text).unwrap().workers.into_iter();
            workers.map(|(name, device)| format!("{name} on {device}")).collect()
        };
        assert_eq!(names("cuda:0, cuda:1"), ["cuda:0 on cuda:0", "cuda:1 on cuda:1"]);
        assert_eq!(names("cpu:2"), ["cpu-1 on cpu", "cpu-2 on cpu"]);
        assert_eq!(names("cpu"), ["cpu on cpu"]);
        for (text, expected) in [
            ("", "``"),
            ("auto", "`auto`"),
            ("cpu:0", "`cpu:0`"),
            ("cpu:65", "`cpu:65`"),
            ("cuda:0,cpu", "not both"),
            ("cuda:1,cuda:1", "twice"),
            ("cpu,cpu", "cpu:2"),
        ] {
            let error = Devices::from_str(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
