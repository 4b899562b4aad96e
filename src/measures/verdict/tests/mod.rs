//! The arithmetic against numbers that `tests/golden/verdict/make.py` computed from the law of the verdict alone.

mod calibration;

use serde::Serialize;
use serde_json::Value;

use super::bootstrap::bootstrap;
use super::choose::{choose, halves};
use super::power::power;
use super::student::{f_tail, two_sided, two_sided_quantile};
use super::*;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../../tests/golden/verdict/verdict.json")).expect("JSON")
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is a list"))
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or_else(|| panic!("{name} is a number: {value}"))
}

fn whole(value: &Value, name: &str) -> usize {
    usize::try_from(value[name].as_u64().expect("a whole number")).expect("small")
}

/// Every number of `expected` is the one at the same place of `found`.
fn same(found: &Value, expected: &Value, place: &str) {
    match (found, expected) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().expect("a number"), b.as_f64().expect("a number"));
            assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{place}: {a} is not {b}");
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{place}");
            a.iter().zip(b).enumerate().for_each(|(i, (a, b))| same(a, b, &format!("{place}[{i}]")));
        }
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.len(), b.len(), "{place}: {a:?} {b:?}");
            b.iter().for_each(|(name, b)| same(&found[name], b, &format!("{place}.{name}")));
        }
        (a, b) => assert_eq!(a, b, "{place}"),
    }
}

fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("JSON")
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn direction(value: &Value) -> Direction {
    if value["direction"] == "higher" { Direction::Higher } else { Direction::Lower }
}

fn study(value: &Value) -> Study {
    let scores = |v: &Value| v.as_array().expect("a list").iter().map(Value::as_f64).collect();
    let condition = |c: &Value| Condition {
        scores: scores(&c["scores"]),
        floor: scores(&c["floor"]),
        diverged: whole(c, "diverged"),
        levels: floats(&c["levels"]).into_iter().map(|v| v as usize).collect(),
    };
    Study {
        direction: direction(value),
        conditions: list(value, "conditions").iter().map(condition).collect(),
        axes: (list(value, "axes").iter())
            .map(|a| Axis { sizes: floats(&a["sizes"]), levels: whole(a, "levels") })
            .collect(),
        span: value["span"].as_f64(),
    }
}

#[test]
fn distributions_are_those_of_scipy() {
    let golden = golden();
    for case in list(&golden, "student") {
        let [t, df, p] = ["t", "df", "p"].map(|name| number(case, name));
        same(&json(&two_sided(t, df)), &case["two_sided"], &format!("{case}"));
        same(&json(&two_sided_quantile(p, df)), &case["quantile"], &format!("{case}"));
    }
    for case in list(&golden, "f") {
        let [f, above, below] = ["f", "above", "below"].map(|name| number(case, name));
        same(&json(&f_tail(f, above, below)), &case["tail"], &format!("{case}"));
    }
    for case in list(&golden, "power") {
        let found = power(number(case, "ncp"), whole(case, "df"), number(case, "alpha"));
        same(&json(&found), &case["power"], &format!("{case}"));
    }
    assert_eq!([two_sided(f64::NAN, 3.0), two_sided(f64::INFINITY, 3.0)], [1.0, 0.0]);
}

#[test]
fn studies_are_judged_as_by_the_independent_script() {
    for case in list(&golden(), "studies") {
        let name = case["name"].as_str().expect("a name");
        same(&json(&judge(&study(&case["study"]))), &case["expected"], name);
    }
}

#[test]
fn photos_and_prompts_are_drawn_as_by_the_independent_script() {
    let golden = golden();
    for case in list(&golden, "bootstrap") {
        let table: Vec<Vec<f64>> = list(case, "table").iter().map(floats).collect();
        same(&json(&bootstrap(&table)), &case["expected"], &format!("{case}"));
    }
    for case in list(&golden, "halves") {
        same(&json(&halves(whole(case, "n"))), &case["halves"], &format!("{case}"));
    }
    for case in list(&golden, "choose") {
        let scores: Vec<Vec<f64>> = list(case, "scores").iter().map(floats).collect();
        same(&json(&choose(&scores, direction(case))), &case["expected"], &format!("{case}"));
    }
    assert_eq!(bootstrap(&[]), None);
    assert_eq!(bootstrap(&[vec![1.0, f64::NAN]]), None);
    assert_eq!(bootstrap(&[vec![1.0, 2.0], vec![1.0]]), None);
    assert_eq!(choose(&[vec![1.0; 3]], Direction::Higher), None);
}

#[test]
fn what_is_no_number_is_no_score() {
    let row = |scores: &[f64]| Condition {
        scores: scores.iter().map(|y| Some(*y)).collect(),
        levels: vec![0],
        ..Condition::default()
    };
    let mut conditions = vec![row(&[1.0, f64::NAN, f64::INFINITY]), row(&[1.0, 2.0, 3.0])];
    conditions[1].levels = vec![1];
    let axes = vec![Axis { sizes: vec![5.0, 15.0], levels: 2 }];
    let verdict = judge(&Study { direction: Direction::Higher, conditions, axes, span: None });
    assert_eq!([verdict.conditions[0].n, verdict.conditions[1].n], [1, 3]);
    assert_eq!(verdict.method, Method::OneTraining);
    let empty = judge(&Study { direction: Direction::Lower, conditions: Vec::new(), axes: Vec::new(), span: None });
    assert_eq!((empty.method, empty.best), (Method::Nothing, None));
}

#[test]
fn side_effects_are_held_against_their_reference() {
    use side_effects::{LEAK, Limit, SideEffect, by_heart};
    let leak = |values: &[f64]| SideEffect::of(values.iter().copied(), Limit::Above(LEAK)).expect("values").there;
    assert!(leak(&[0.8, 0.9, 0.85]) && leak(&[0.3]));
    assert!(!leak(&[0.3, 0.5, 0.1]) && !leak(&[0.2]));
    assert_eq!(SideEffect::of([f64::NAN], Limit::Above(0.0)), None);
    let heart = |changes: &[(f64, f64)]| by_heart(changes).expect("changes").there;
    assert!(heart(&[(-0.25, 0.00), (-0.26, 0.02), (-0.25, 0.01)]));
    assert!(!heart(&[(-0.25, -0.10), (-0.26, -0.09), (-0.25, -0.11)]), "unseen photos gained, too");
    assert!(!heart(&[(0.01, 0.02), (-0.01, 0.02), (0.0, 0.01)]), "nothing was learnt");
    assert!(heart(&[(-0.25, 0.01)]) && by_heart(&[]).is_none());
}

#[test]
fn shares_lie_between_floor_and_ceiling() {
    use share::share;
    assert_eq!([share(0.5, 0.25, 0.75), share(0.25, 0.25, 0.75)], [Some(0.5), Some(0.0)]);
    assert_eq!([share(0.5, 0.3, 0.3), share(f64::NAN, 0.3, 0.4)], [None, None]);
}
