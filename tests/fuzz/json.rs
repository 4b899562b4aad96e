//! Changes of JSON as a tree, so that it stays JSON.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::text;

/// One change of the tree; text that is not JSON is changed as text.
pub(crate) fn mutate(rng: &mut Rng, data: &mut Vec<u8>, other: &[u8]) {
    let Ok(mut value) = serde_json::from_slice::<Value>(data) else { return text::mutate(rng, data, other) };
    change(rng, &mut value, other);
    *data = value.to_string().into_bytes();
}

/// Changes one node.
pub(crate) fn change(rng: &mut Rng, value: &mut Value, other: &[u8]) {
    let count = count(value);
    let donor = nth(value, &mut rng.usize(..count)).cloned().unwrap_or_default();
    let Some(node) = nth(value, &mut rng.usize(..count)) else { return };
    match (rng.u8(..8), node) {
        (0, node) => *node = donor,
        (1, node) => {
            let depth = rng.usize(1..130);
            *node = (0..depth).fold(node.take(), |inner, _| json!([inner]));
        }
        (2 | 3, Value::Object(members)) => object(rng, members, donor),
        (2 | 3, Value::Array(items)) => array(rng, items, donor),
        (2 | 3, Value::Number(number)) => *number = near(rng, number),
        (4, node) => {
            if let Ok(mut other) = serde_json::from_slice::<Value>(other) {
                let count = self::count(&other);
                *node = nth(&mut other, &mut rng.usize(..count)).cloned().unwrap_or_default();
            }
        }
        (_, node) => *node = extreme(rng),
    }
}

fn object(rng: &mut Rng, members: &mut Map<String, Value>, donor: Value) {
    let Some(key) = members.keys().nth(rng.usize(..members.len().max(1))).cloned() else {
        members.insert("a".to_owned(), donor);
        return;
    };
    match rng.u8(..4) {
        0 => drop(members.remove(&key)),
        1 => drop(members.insert(key + ["", "x", ".", "/../", "\u{0}"][rng.usize(..5)], donor)),
        2 => drop(members.insert(key, donor)),
        _ => {
            // The key keeps its value under another name.
            let value = members.remove(&key).unwrap_or_default();
            let mut name = key.into_bytes();
            text::mutate(rng, &mut name, b"");
            members.insert(String::from_utf8_lossy(&name).into_owned(), value);
        }
    }
}

fn array(rng: &mut Rng, items: &mut Vec<Value>, donor: Value) {
    let at = rng.usize(..=items.len());
    match rng.u8(..4) {
        0 => items.insert(at, donor),
        1 => items.truncate(at),
        2 => items.reverse(),
        _ => {
            let copies = (1 << rng.usize(..11)).min(4096 / items.len().max(1));
            let length = items.len() * copies;
            *items = items.iter().cloned().cycle().take(length).collect();
        }
    }
}

fn near(rng: &mut Rng, number: &serde_json::Number) -> serde_json::Number {
    let Some(value) = number.as_u64() else { return 0.into() };
    match rng.u8(..5) {
        0 => value.wrapping_add(1).into(),
        1 => value.wrapping_sub(1).into(),
        2 => value.wrapping_mul(2).into(),
        3 => (value / 2).into(),
        _ => (value ^ (1 << rng.u64(..64))).into(),
    }
}

fn extreme(rng: &mut Rng) -> Value {
    match rng.u8(..14) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(u64::MAX),
        5 => json!(i64::MIN),
        6 => json!(1u64 << rng.u64(..64)),
        7 => json!([1e308, 5e-324, -0.0, 0.5][rng.usize(..4)]),
        8 => json!(""),
        9 => json!(char::from(rng.u8(..128)).to_string().repeat(1 << rng.usize(..13))),
        10 => json!(rng.char(..).to_string()),
        11 => json!([]),
        12 => json!({}),
        _ => json!("a\u{0}\u{202e}../b"),
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

/// The node with that number, counted from the root down.
fn nth<'a>(value: &'a mut Value, number: &mut usize) -> Option<&'a mut Value> {
    if *number == 0 {
        return Some(value);
    }
    *number -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, number)),
        Value::Object(members) => members.values_mut().find_map(|member| nth(member, number)),
        _ => None,
    }
}
