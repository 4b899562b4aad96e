//! What programs read: every line of JSON fits the schemas in `docs/schema`.

mod common;

use common::{SMALL, Study, root};
use serde_json::{Map, Value};

/// The words of JSON Schema that the schemas of this repository use. `Err` says where a value does not fit.
fn fits(value: &Value, schema: &Value, at: &str) -> Result<(), String> {
    const KNOWN: [&str; 14] = [
        "$schema",
        "title",
        "description",
        "type",
        "enum",
        "const",
        "pattern",
        "minimum",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "oneOf",
        "default",
    ];
    let schema = schema.as_object().ok_or("a schema is no object")?;
    let unknown = schema.keys().find(|key| !KNOWN.contains(&key.as_str()));
    if let Some(word) = unknown {
        return Err(format!("the schema of {at} says `{word}`, which this test does not know"));
    }
    let wrong = |what: &str| Err(format!("{at}: {value} {what}"));
    if let Some(types) = schema.get("type") {
        let is = |name: &Value| match name.as_str() {
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("null") => value.is_null(),
            _ => false,
        };
        let fits = types.as_array().map_or_else(|| is(types), |types| types.iter().any(is));
        if !fits {
            return wrong(&format!("is not of type {types}"));
        }
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|all| !all.contains(value)) {
        return wrong("is none of the words");
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return wrong("is another word");
    }
    if schema.get("minimum").and_then(Value::as_f64).is_some_and(|least| value.as_f64().is_some_and(|v| v < least)) {
        return wrong("is too small");
    }
    if let (Some(pattern), Some(text)) = (schema.get("pattern"), value.as_str()) {
        assert_eq!(pattern, "^[0-9a-f]{32}$", "the only pattern there is");
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return wrong("is no key");
        }
    }
    if let Some(object) = value.as_object() {
        object_fits(object, schema, at)?;
    }
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
        for (i, item) in list.iter().enumerate() {
            fits(item, items, &format!("{at}[{i}]"))?;
        }
    }
    if let Some(all) = schema.get("oneOf").and_then(Value::as_array) {
        let errors: Vec<String> = all.iter().filter_map(|one| fits(value, one, at).err()).collect();
        if errors.len() + 1 != all.len() {
            return Err(format!("{at}: {value} fits {} of {}: {errors:?}", all.len() - errors.len(), all.len()));
        }
    }
    Ok(())
}

fn object_fits(object: &Map<String, Value>, schema: &Map<String, Value>, at: &str) -> Result<(), String> {
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if !object.contains_key(name.as_str().unwrap_or_default()) {
            return Err(format!("{at}: {name} is missing"));
        }
    }
    for (name, member) in object {
        let at = format!("{at}.{name}");
        match (schema.get("properties").and_then(|all| all.get(name)), schema.get("additionalProperties")) {
            (Some(of_name), _) => fits(member, of_name, &at)?,
            (None, Some(Value::Bool(false))) => return Err(format!("{at} is not in the schema")),
            (None, Some(others @ Value::Object(_))) => fits(member, others, &at)?,
            (None, _) => {}
        }
    }
    Ok(())
}

fn schema(name: &str) -> Value {
    let file = root().join("docs/schema").join(format!("{name}.schema.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// All lines of a command's standard output, checked.
fn lines(study: &Study, code: i32, of: &str, arguments: &[&str]) -> Vec<Value> {
    let output = study.run(&[arguments, &["--format", "json"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let schema = schema(of);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        fits(line, &schema, of).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
    }
    lines
}

fn quick() -> String {
    let text =
        SMALL.replace("images = 2", "images = 0").replace("steps = 6", "steps = 2").replace("steps = 3", "steps = 1");
    text.replace("seeds = [0, 1]", "seeds = [0]")
}

#[test]
fn a_program_can_drive_a_study() {
    let study = Study::new(&quick());
    let plan = lines(&study, 0, "plan", &["plan", "study.toml"]);
    assert_eq!(plan.len(), 1);
    let cells = plan[0]["cells"].as_array().unwrap().len();
    assert_eq!(lines(&study, 0, "status", &["status", "study.toml"]).len(), cells);
    lines(&study, 0, "finding", &["finding", "study.toml"]);
    let events = lines(&study, 0, "event", &["study.toml"]);
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!((names[0], names[names.len() - 1]), ("run_started", "run_finished"));
    for name in ["job_started", "job_progress", "job_finished", "report_written"] {
        assert!(names.contains(&name), "{name}");
    }
    // Every job of the plan ends, and each is named as the plan names it.
    let ended = |event: &&Value| ["job_finished", "job_reused"].contains(&event["event"].as_str().unwrap());
    let mut keys: Vec<&Value> = events.iter().filter(ended).map(|event| &event["key"]).collect();
    let mut planned: Vec<&Value> = plan[0]["jobs"].as_array().unwrap().iter().map(|job| &job["key"]).collect();
    keys.sort_by_key(|key| key.as_str());
    planned.sort_by_key(|key| key.as_str());
    assert_eq!(keys, planned);
    let status = lines(&study, 0, "status", &["status", "study.toml"]);
    let states = status.iter().flat_map(|cell| cell["stages"].as_object().unwrap().values());
    assert!(states.into_iter().all(|stage| stage["state"] == "done"), "{status:?}");
    let finding = &lines(&study, 0, "finding", &["finding", "study.toml"])[0];
    assert_eq!((&finding["cells"], &finding["trained"]), (&2.into(), &2.into()));
    let written: Value =
        serde_json::from_slice(&std::fs::read(study.path().join("reports/small/verdict.json")).unwrap()).unwrap();
    assert_eq!(finding["verdict"], written);
    let text = study.expect(0, &["finding", "study.toml"]);
    assert!(text.contains(finding["answers"]["take"]["sentence"].as_str().unwrap()), "{text}");
    lines(&study, 0, "diff", &["diff", "study.toml", "reports/small"]);
    // An error is the last event.
    let failed = lines(&study, 96, "event", &["study.toml", "--set", "model.device=cuda:99"]);
    assert_eq!(failed.last().map(|event| &event["event"]), Some(&"failed".into()));
}

#[test]
fn the_schemas_refuse_what_is_wrong() {
    let event = schema("event");
    let good = serde_json::json!({"event": "note", "message": "x"});
    assert_eq!(fits(&good, &event, "event"), Ok(()));
    for bad in [
        serde_json::json!({"event": "note"}),
        serde_json::json!({"event": "note", "message": 1}),
        serde_json::json!({"event": "note", "message": "x", "more": 1}),
        serde_json::json!({"event": "nothing", "message": "x"}),
        serde_json::json!([]),
    ] {
        assert!(fits(&bad, &event, "event").is_err(), "{bad}");
    }
    // Every event of the program is in the schema: the enum's names as serde writes them.
    let code = std::fs::read_to_string(root().join("src/event.rs")).unwrap();
    let all: Vec<&str> = event["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["properties"]["event"]["const"].as_str())
        .collect();
    for name in &all {
        let camel: String = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        assert!(code.contains(&format!("    {camel} {{")), "{camel}");
    }
    let body = code.split("pub enum Event").nth(1).unwrap().split("\n}\n").next().unwrap();
    let variants = body.lines().filter(|line| line.starts_with("    ") && line[4..].starts_with(char::is_uppercase));
    assert_eq!(variants.count(), all.len(), "an event is not in docs/schema/event.schema.json");
}
