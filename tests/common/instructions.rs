//! The tests of a binary once more with every slower instruction set of this machine.

use std::{env, process::Command};

/// Runs this binary's tests once for each instruction set that is not used here, each in a process of its own. In such
/// a process, makes sure that its instruction set is used.
pub(crate) fn repeat_with_slower_instructions() {
    let all = runner::kernels::instruction_sets().unwrap();
    let (used, slower) = all.split_last().expect("portable code runs everywhere");
    if let Ok(named) = env::var("RUNNER_INSTRUCTIONS") {
        assert_eq!(*used, named);
        return;
    }
    for name in slower {
        let done = Command::new(env::current_exe().unwrap()).env("RUNNER_INSTRUCTIONS", name).output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && text.contains("test result: ok"), "with {name}: {text}");
    }
}
