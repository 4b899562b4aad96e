//! What the user should know before trusting a result: found while planning, told by plan, run and report.

mod gather;
mod listed;
mod photos;
mod prompts;

pub(super) use gather::gather;
