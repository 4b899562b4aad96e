//! Where the result comes from.

use crate::plan::Plan;
use crate::report::data::Setting;

/// Versions, hashes and keys: nothing that changes from run to run.
pub(super) fn provenance(plan: &Plan) -> Vec<Setting> {
    let setting = |key: &str, value: String| Setting { key: key.to_owned(), value };
    let mut out = vec![setting("report written by", format!("runner {}", env!("CARGO_PKG_VERSION")))];
    for job in &plan.jobs {
        let inputs = job.inputs.key_inputs();
        if let Some(base) = inputs.text("model.base").filter(|b| !out.iter().any(|s| s.value == *b)) {
            out.push(setting("base model weights", base.to_owned()));
        }
    }
    for job in &plan.jobs {
        out.push(setting(&format!("{} {}", job.stage, job.label), job.key.as_str().to_owned()));
    }
    out
}
