//! The words on chance: what repeating a training changes, and what more trainings would tell.

use crate::text;

/// What chance does to a training, and what the settings do.
pub(super) fn noise(noun: &str, sd: f64, between: Option<(&str, &str, f64)>) -> String {
    let moves = format!("Repeating a training moves the {noun} by ±{}", text::measurement(sd));
    match between {
        Some((a, b, difference)) => {
            format!("{moves}; the difference between {a} and {b} is {}.", text::measurement(difference.abs()))
        }
        None => format!("{moves}."),
    }
}

/// One training of each.
pub(super) fn one_training(conditions: usize) -> &'static str {
    if conditions > 1 {
        "There is one training of each condition. Another training seed may turn the order, so nothing is called \
         better."
    } else {
        "This is one training: with another training seed the result may be another."
    }
}

/// Repeats that are equal to the last digit.
pub(super) fn no_noise() -> &'static str {
    "Trainings with other seeds came out equal to the last digit, so nothing is known of chance, and nothing is called \
     better."
}

/// Scores that were not measured in the same way.
pub(super) fn not_comparable() -> &'static str {
    "The conditions were not measured on the same photos in the same way (other photos, words, base model or \
     resolution), so they are not compared with each other, and nothing is called better."
}

/// The change of the score with the size.
pub(super) fn trend(noun: &str, slope: f64, low: f64, high: f64) -> String {
    if low <= 0.0 && high >= 0.0 {
        return format!(
            "No trend is clear: with each doubling of the photos the {noun} changes by {} (95\u{a0}% interval {} to \
             {}).",
            text::measurement(slope),
            text::measurement(low),
            text::measurement(high)
        );
    }
    let moves = if slope < 0.0 { "falls" } else { "rises" };
    let (a, b) = (slope.abs(), if slope < 0.0 { (-high, -low) } else { (low, high) });
    format!(
        "With each doubling of the photos the {noun} {moves} by {} (95\u{a0}% interval {} to {}).",
        text::measurement(a),
        text::measurement(b.0),
        text::measurement(b.1)
    )
}

/// How many more trainings would tell two conditions apart.
pub(super) fn settle(a: &str, b: &str, more: usize) -> String {
    let (trainings, are) =
        if more == 1 { ("1 more training".to_owned(), "is") } else { (format!("{more} more trainings"), "are") };
    format!("To tell {a} and {b} apart, about {trainings} of each condition {are} needed:")
}

/// A difference that more trainings would not show.
pub(super) fn never_settled(a: &str, b: &str) -> String {
    format!(
        "Chance moves a training much more than {a} and {b} differ: even 30 trainings of each would hardly tell them \
         apart, so choose between them by something else."
    )
}
