//! The sentence at the very top.

use crate::measures::verdict::{Call, Enough, Method};
use crate::text;

use super::judged::Judged;
use super::question::Question;
use super::{order, words};

/// The answer to the study's title in one sentence.
pub(super) fn lead(judged: &Judged<'_>, measured: bool, headline: &str) -> String {
    let (v, scored) = (&judged.verdict, judged.scored());
    if !measured {
        return headline.to_owned();
    }
    if judged.question == Question::Train {
        return "No photo is held out, so nothing is known of photos the model never saw.".to_owned();
    }
    if !judged.comparable {
        return "The conditions were not measured in the same way, so none is called better.".to_owned();
    }
    if !order::gained(judged) {
        return words::nothing_bought(scored.len() == 1).to_owned() + ".";
    }
    if let (Enough::Size { .. } | Enough::MoreMayHelp { .. }, Some(enough)) = (&v.enough, order::enough(judged)) {
        return enough;
    }
    let alike = !v.differences.is_empty() && v.differences.iter().all(|d| d.call == Call::NotClear);
    match v.best {
        Some(best) if v.best_is_clear && judged.few() => order::sentence(&words::clear_best(judged.title(best))),
        Some(best) if v.best_is_clear => {
            format!(
                "One of {} is clearly better than all others: {}.",
                text::count(scored.len(), "setting"),
                judged.title(best)
            )
        }
        _ if scored.len() == 1 => {
            order::sentence(&order::shares(judged).unwrap_or_else(|| words::one_bought(judged.question).to_owned()))
        }
        Some(best) if v.method == Method::OneTraining => {
            format!("In one training of each, {} came out best; chance may have made that.", judged.title(best))
        }
        _ if v.sizes.is_some() && judged.axes.len() == 1 && alike => {
            "How many photos are enough cannot be told yet: all sizes came out about alike.".to_owned()
        }
        _ if v.sizes.is_some() && judged.axes.len() == 1 => {
            order::order(judged).map_or_else(|| words::not_told().to_owned(), |o| order::sentence(&o))
        }
        _ => order::axes(judged).into_iter().next().unwrap_or_else(|| {
            format!("No clear difference was found between {}.", text::count(scored.len(), "setting"))
        }),
    }
}
