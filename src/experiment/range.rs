//! A range in a sweep: `{ from = 1e-5, to = 1e-3, steps = 5, scale = "log" }` in place of a list of values.
//!
//! The ends are the numbers of the file. The values between them are the exact decimal numbers where there are such,
//! else rounded to the fewest of 6, 9, 12, 15 or 17 digits that tell all values apart: `1e-4` comes out as `1e-4`, on
//! every machine. If both ends are whole numbers, values that are whole are whole numbers, too.

use std::ops::Range;

use super::node::{Field, Node};
use super::problem::Problem;
use super::similar::did_you_mean;
use super::source::Place;
use super::value::shown;

/// More values are a mistake: no grid has as many.
const MAX_STEPS: i64 = 10_000;
/// What may stand in a range.
const FIELDS: [&str; 4] = ["from", "to", "steps", "scale"];
/// A range as it is written.
pub(super) const EXAMPLE: &str = "{ from = 1e-5, to = 1e-3, steps = 5, scale = \"log\" }";

/// How values are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// Neighbours have the same difference.
    Linear,
    /// Neighbours have the same ratio.
    Log,
}

/// The values of a range. `place` turns bytes of the file into a place.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn expand(
    key: &str,
    fields: &[Field],
    span: &Range<usize>,
    place: &dyn Fn(Range<usize>) -> Place,
) -> Result<Vec<toml::Value>, Vec<Problem>> {
    let mut problems = Vec::new();
    for field in fields.iter().filter(|field| !FIELDS.contains(&field.key.as_str())) {
        let message = format!("a range has no `{}`", field.key);
        let problem = Problem::error(place(field.key_span.clone()), message).expected(FIELDS.join(", "));
        problems.push(problem.suggestion(did_you_mean(&field.key, FIELDS)));
    }
    let find = |name: &str| fields.iter().find(|field| field.key == name);
    let wrong = |field: &Field, expected: &str| {
        let message = format!("`{}` cannot be {}", field.key, shown(&field.node.value().0));
        Problem::error(place(field.node.span()), message).expected(expected)
    };
    let mut number = |name: &str| -> Option<toml::Value> {
        let Some(field) = find(name) else {
            let message = format!("`{name}` is missing in the range of `{key}`");
            problems.push(Problem::error(place(span.clone()), message).help(format!("write e.g. `{EXAMPLE}`")));
            return None;
        };
        match field.node.value().0 {
            toml::Value::Float(number) if number.is_finite() => Some(toml::Value::Float(number)),
            toml::Value::Integer(number) => Some(toml::Value::Integer(number)),
            _ => {
                problems.push(wrong(field, "a number"));
                None
            }
        }
    };
    let (from, to, steps) = (number("from"), number("to"), number("steps"));
    let steps = steps.and_then(|steps| match steps {
        toml::Value::Integer(steps) if (2..=MAX_STEPS).contains(&steps) => usize::try_from(steps).ok(),
        _ => {
            let expected = format!("a whole number from 2 to {MAX_STEPS}: how many values there are");
            problems.extend(find("steps").map(|field| wrong(field, &expected)));
            None
        }
    });
    let scale = match find("scale").map(|field| (field, field.node.value().0)) {
        None => Some(Scale::Linear),
        Some((_, toml::Value::String(word))) if word == "linear" => Some(Scale::Linear),
        Some((_, toml::Value::String(word))) if word == "log" => Some(Scale::Log),
        Some((field, _)) => {
            problems.push(wrong(field, "\"linear\" or \"log\""));
            None
        }
    };
    let (Some(from), Some(to), Some(steps), Some(scale)) = (from, to, steps, scale) else { return Err(problems) };
    let (a, b) = (as_f64(&from), as_f64(&to));
    if a == b {
        let message = format!("the range of `{key}` begins and ends at {}", shown(&from));
        problems.push(Problem::error(place(span.clone()), message).help("write a list with that one value"));
    }
    if scale == Scale::Log && (a <= 0.0 || b <= 0.0) {
        let field = if a <= 0.0 { find("from") } else { find("to") };
        problems.extend(field.map(|field| wrong(field, "a number above 0: the scale is \"log\"")));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    values(&from, &to, steps, scale).ok_or_else(|| {
        let message = format!("the range of `{key}` has {steps} steps, more than there are numbers between its ends");
        vec![Problem::error(place(span.clone()), message).help("take fewer steps")]
    })
}

/// The fields of a range, if the value of an axis is one.
pub(super) fn fields(node: &Node) -> Option<(&[Field], &Range<usize>)> {
    match node {
        Node::Table { fields, span } => Some((fields, span)),
        Node::List { .. } | Node::Leaf { .. } => None,
    }
}

/// All values, the ends as they were written. `None` if two of them would be the same number.
fn values(from: &toml::Value, to: &toml::Value, steps: usize, scale: Scale) -> Option<Vec<toml::Value>> {
    let whole = from.is_integer() && to.is_integer();
    let ascending = as_f64(from) < as_f64(to);
    [6, 9, 12, 15, 17].into_iter().find_map(|digits| {
        let between = (1..steps - 1).map(|i| {
            let value = match scale {
                Scale::Linear => exact(from, to, i, steps - 1).unwrap_or_else(|| linear(from, to, i, steps, digits)),
                Scale::Log => logarithmic(from, to, i, steps, digits),
            };
            if whole { as_whole(value) } else { toml::Value::Float(value) }
        });
        let all: Vec<toml::Value> =
            std::iter::once(from.clone()).chain(between).chain(std::iter::once(to.clone())).collect();
        let apart = all.windows(2).all(|pair| (as_f64(&pair[0]) < as_f64(&pair[1])) == ascending)
            && all.windows(2).all(|pair| as_f64(&pair[0]) != as_f64(&pair[1]));
        apart.then_some(all)
    })
}

#[allow(clippy::cast_precision_loss)] // settings are far below 2^53
fn as_f64(value: &toml::Value) -> f64 {
    match value {
        toml::Value::Float(number) => *number,
        toml::Value::Integer(number) => *number as f64,
        _ => f64::NAN,
    }
}

/// A whole number if it is one.
#[allow(clippy::cast_possible_truncation)] // checked to be whole and small
fn as_whole(value: f64) -> toml::Value {
    if value.fract() == 0.0 && value.abs() < 9e15 {
        toml::Value::Integer(value as i64)
    } else {
        toml::Value::Float(value)
    }
}

/// Value `i` of `last` on a linear scale, computed with decimal numbers; `None` if it has no short decimal form.
fn exact(from: &toml::Value, to: &toml::Value, i: usize, last: usize) -> Option<f64> {
    const MORE_DIGITS: u32 = 6;
    let ((a, a_exponent), (b, b_exponent)) = (decimal(from)?, decimal(to)?);
    let exponent = a_exponent.min(b_exponent);
    let scaled = |mantissa: i128, own: i32| {
        let power = u32::try_from(own - exponent).ok().filter(|power| *power <= 20)?;
        mantissa.checked_mul(10i128.pow(power))
    };
    let (a, b) = (scaled(a, a_exponent)?, scaled(b, b_exponent)?);
    let (i, last) = (i128::try_from(i).ok()?, i128::try_from(last).ok()?);
    let sum = a.checked_mul(last - i)?.checked_add(b.checked_mul(i)?)?;
    let longer = sum.checked_mul(10i128.pow(MORE_DIGITS))?;
    (longer % last == 0).then(|| format!("{}e{}", longer / last, exponent - MORE_DIGITS.cast_signed()).parse().ok())?
}

/// A number as digits and a power of ten.
fn decimal(value: &toml::Value) -> Option<(i128, i32)> {
    let text = match value {
        toml::Value::Integer(number) => return Some((i128::from(*number), 0)),
        other => format!("{:e}", as_f64(other)),
    };
    let (mantissa, exponent) = text.split_once('e')?;
    let fraction = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let digits = mantissa.replace('.', "").parse().ok()?;
    Some((digits, exponent.parse::<i32>().ok()? - i32::try_from(fraction).ok()?))
}

#[allow(clippy::cast_precision_loss)] // at most MAX_STEPS
fn linear(from: &toml::Value, to: &toml::Value, i: usize, steps: usize, digits: usize) -> f64 {
    let part = i as f64 / (steps - 1) as f64;
    rounded(as_f64(from) * (1.0 - part) + as_f64(to) * part, digits)
}

#[allow(clippy::cast_precision_loss)] // at most MAX_STEPS
fn logarithmic(from: &toml::Value, to: &toml::Value, i: usize, steps: usize, digits: usize) -> f64 {
    // libm gives the same digits on every machine.
    let part = i as f64 / (steps - 1) as f64;
    rounded(as_f64(from) * libm::pow(as_f64(to) / as_f64(from), part), digits)
}

/// The nearest number with so many decimal digits.
fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits - 1).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::Value::{Float, Integer};

    fn log(from: impl Into<toml::Value>, to: impl Into<toml::Value>, steps: usize) -> Vec<toml::Value> {
        values(&from.into(), &to.into(), steps, Scale::Log).unwrap()
    }

    fn line(from: impl Into<toml::Value>, to: impl Into<toml::Value>, steps: usize) -> Vec<toml::Value> {
        values(&from.into(), &to.into(), steps, Scale::Linear).unwrap()
    }

    #[test]
    fn round_numbers_come_out_as_they_are_written() {
        assert_eq!(log(1e-5, 1e-3, 3), [1e-5, 1e-4, 1e-3].map(Float));
        assert_eq!(log(1e-3, 1e-5, 5), [1e-3, 3.16228e-4, 1e-4, 3.16228e-5, 1e-5].map(Float));
        assert_eq!(line(0.0, 0.3, 4), [0.0, 0.1, 0.2, 0.3].map(Float));
        assert_eq!(line(0.1, 0.7, 7), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7].map(Float));
        assert_eq!(line(1e-5, 1e-3, 3), [1e-5, 5.05e-4, 1e-3].map(Float));
        assert_eq!(line(0.0, 1.0, 4), [0.0, 0.333_333, 0.666_667, 1.0].map(Float));
        assert_eq!(line(0.123_456_789, 0.223_456_789, 3)[1], Float(0.173_456_789));
    }

    #[test]
    fn whole_numbers_stay_whole() {
        assert_eq!(log(4, 64, 5), [4, 8, 16, 32, 64].map(Integer));
        assert_eq!(line(10, 50, 5), [10, 20, 30, 40, 50].map(Integer));
        assert_eq!(line(50, 10, 3), [50, 30, 10].map(Integer));
        // What is not whole is told by the setting that needs a whole number.
        assert_eq!(log(4, 8, 3), [Integer(4), Float(5.656_85), Integer(8)]);
        assert_eq!(line(0, 1, 3), [Integer(0), Float(0.5), Integer(1)]);
    }

    #[test]
    fn values_are_told_apart_or_refused() {
        assert_eq!(line(1.0, 1.000_000_3, 4), [1.0, 1.000_000_1, 1.000_000_2, 1.000_000_3].map(Float));
        assert_eq!(log(1.0, 1.000_000_2, 3)[1], Float(1.000_000_1));
        let next = f64::from_bits(1.0f64.to_bits() + 1);
        assert_eq!(values(&Float(1.0), &Float(next), 9, Scale::Log), None);
        assert_eq!(values(&Float(-1e300), &Float(1e-300), 3, Scale::Linear).unwrap()[1], Float(-5e299));
    }
}
