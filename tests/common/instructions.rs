//! The tests of a binary once more with every slower instruction set of this machine.

use std::process::Command;

/// Runs this binary's tests that are not called `but`, once for each instruction set that is not used here, in processes of their own.
pub(crate) fn repeat_with_slower_instructions(but: &str) {
    let all = runner::kernels::instruction_sets();
    let (_, slower) = all.split_last().expect("portable code runs everywhere");
    if std::env::var_os("RUNNER_INSTRUCTIONS").is_some() {
        return;
    }
    for name in slower {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let done = command.args(["--skip", but]).env("RUNNER_INSTRUCTIONS", name).output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && text.contains("test result: ok"), "with {name}: {text}");
    }
}
