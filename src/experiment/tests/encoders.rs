//! `evaluate.encoders` and `evaluate.question`.

use super::{errors, folder, load, load_in};
use crate::choice::{Purpose, Question};
use crate::experiment::settings::Base;

const BOTH: &str = "[evaluate]\nencoders = [\n  { name = \"dino\", model = \"facebook/dinov2-small@main\", for = \
                    \"identity\" },\n  { name = \"clip\", model = \"./encoder\", for = [\"prompt\", \"identity\"] \
                    },\n]";

#[test]
fn encoders_are_read_in_order() {
    let dir = folder();
    std::fs::create_dir(dir.path().join("encoder")).unwrap();
    std::fs::write(dir.path().join("encoder/config.json"), "{}").unwrap();
    let experiment =
        load_in(&dir, &format!("extends = \"base.toml\"\n{BOTH}\nquestion = \"identity\""), &[], &[]).unwrap();
    let evaluate = &experiment.settings.evaluate;
    let [dino, clip] = evaluate.encoders.as_slice() else { panic!("{:?}", evaluate.encoders) };
    assert_eq!(dino.model, Base::Hub { id: "facebook/dinov2-small".into(), revision: Some("main".into()) });
    assert_eq!((clip.name.as_str(), clip.purposes.as_slice()), ("clip", &[Purpose::Prompt, Purpose::Identity][..]));
    assert_eq!(evaluate.encoder_for(Purpose::Identity).unwrap().name, "dino");
    assert_eq!(evaluate.question, Some(Question::Identity));
    // The list is a value as any other: the command line replaces it.
    let experiment =
        load_in(&dir, "extends = \"base.toml\"", &["evaluate.encoders=[{name='d',model='a/b',for='identity'}]"], &[]);
    assert_eq!(experiment.unwrap().settings.evaluate.encoders[0].name, "d");
}

#[test]
fn without_encoders_the_settings_are_as_before() {
    let experiment = load("").unwrap();
    let text = serde_json::to_string(&experiment.settings.evaluate).unwrap();
    assert!(!text.contains("encoders") && !text.contains("question"), "{text}");
}

#[test]
fn what_is_wrong_is_told_where_it_is() {
    let one = |item: &str| errors(&format!("[evaluate]\nencoders = [\n  {item}]"));
    for (item, place, words) in [
        ("\"dino\"", "4:3", "an encoder cannot be \"dino\""),
        ("{ name = \"a/b\", model = \"a/b\", for = \"identity\" }", "4:13", "the name of an encoder cannot be"),
        ("{ name = \"d\", model = \"none\", for = \"identity\" }", "4:3", "none does not exist"),
        ("{ name = \"d\", model = \"photos\", for = \"identity\" }", "4:26", "has no config.json"),
        ("{ name = \"d\", model = \"a/b\", for = \"identiy\" }", "4:39", "did you mean `identity`"),
        ("{ name = \"d\", model = \"a/b\", for = [] }", "4:32", "must be for something"),
        ("{ name = \"d\", model = \"a/b\" }", "4:3", "an encoder has no `for`"),
        ("{ name = \"d\", modle = \"a/b\", for = \"prompt\" }", "4:17", "did you mean `model`"),
    ] {
        let error = one(item);
        assert!(error.contains(&format!("study.toml:{place}:")) && error.contains(words), "{item}: {error}");
    }
    let twice = "{ name = \"d\", model = \"a/b\", for = \"prompt\" }";
    assert!(one(&format!("{twice}, {twice}")).contains("two encoders have the name \"d\""));
    let other = twice.replace("\"d\"", "\"e\"");
    assert!(one(&format!("{twice}, {other}")).contains("has the model of an earlier one"));
    let capital = twice.replace("\"d\"", "\"D\"").replace("a/b", "a/c");
    assert!(one(&format!("{twice}, {capital}")).contains("two encoders have the name"), "names are those of files");
    assert!(
        errors("[dataset]\nheld_out = 0\n[evaluate]\nquestion = \"held-out-loss\"").contains("`dataset.held_out` is 0")
    );
    assert!(errors("[evaluate]\nencoders = 3").contains("`evaluate.encoders` cannot be 3"));
    assert!(errors("[evaluate]\nquestion = \"identity\"").contains("no encoder measures it"));
    assert!(errors("[sweep]\nevaluate.encoders = [[]]").contains("cannot be swept"));
    assert!(errors("[sweep]\nevaluate.question = [\"auto\"]").contains("cannot be swept"));
}
