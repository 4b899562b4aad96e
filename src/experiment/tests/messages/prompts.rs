//! Prompts, seeds, and the words for the subject.

use insta::assert_snapshot;

use crate::experiment::tests::errors;

#[test]
fn empty_and_double_prompts_and_seeds() {
    assert_snapshot!(errors("[generate]\nprompts = [\"\", \"a {identifier}\", \"a {identifier}\"]\nseeds = [0, 1, 0]"), @r#"
    study.toml:3:12: `generate.prompts` has an empty prompt
     3 | prompts = ["", "a {identifier}", "a {identifier}"]
       |            ^^ expected what the image shows

    study.toml:3:34: `generate.prompts` has the prompt "a aawxbc" twice
     3 | prompts = ["", "a {identifier}", "a {identifier}"]
       |                                  ^^^^^^^^^^^^^^^^
       = remove one of them

    study.toml:4:16: `generate.seeds` has 0 twice
     4 | seeds = [0, 1, 0]
       |                ^
       = the same seed gives the same image: remove one
    "#);
}

#[test]
fn no_prompts() {
    assert_snapshot!(errors("[generate]\nprompts = []"), @"
    study.toml:3:11: `generate.prompts` is empty
     3 | prompts = []
       |           ^^ expected at least one prompt
    ");
}

#[test]
fn unknown_placeholder() {
    assert_snapshot!(errors("[generate]\nprompts = [\"ok {identifier}\", \"a {identifer} {class}\"]"), @r#"
    study.toml:3:34: unknown placeholder `{identifer}`
     3 | prompts = ["ok {identifier}", "a {identifer} {class}"]
       |                                  ^^^^^^^^^^^ expected {identifier}, {class} or {name}
       = did you mean `{identifier}`?
       = write `{{` and `}}` for braces that should stay
    "#);
}

#[test]
fn lone_brace_and_empty_name() {
    assert_snapshot!(errors("[generate]\nnegative_prompt = \"a } b\"\nbaseline_prompts = [\"a {name} {class}\"]"), @r#"
    study.toml:3:22: a lone `}` in a prompt
     3 | negative_prompt = "a } b"
       |                      ^
       = write `}}` for a brace that should stay

    study.toml:4:24: `{name}` is used but `subject.name` is empty
     4 | baseline_prompts = ["a {name} {class}"]
       |                        ^^^^^^
       = set `name` in `[subject]` to what people call the subject, or take `{name}` out
    "#);
}

#[test]
fn class_prompt_equal_to_instance_prompt() {
    assert_snapshot!(errors("[train]\ninstance_prompt = \"a {class}\"\n[train.prior_preservation]\nclass_prompt = \"a {class}\""), @r#"
    study.toml:3:19: warning: `train.instance_prompt` does not contain the identifier
     3 | instance_prompt = "a {class}"
       |                   ^^^^^^^^^^^
       = without `{identifier}` the photos change what the other words mean, and no word names the subject

    study.toml:5:16: `train.prior_preservation.class_prompt` and `train.instance_prompt` are both "a figurine"
     5 | class_prompt = "a {class}"
       |                ^^^^^^^^^^^ expected a prompt for the class without the identifier, e.g. `a photo of a {class}`
    "#);
}

#[test]
fn identifier_of_several_words() {
    assert_snapshot!(errors("[subject]\nidentifier = \"shin chan\"\nclass = \"\""), @r#"
    study.toml:3:14: `subject.identifier` is more than one word: "shin chan"
     3 | identifier = "shin chan"
       |              ^^^^^^^^^^^ expected one made-up word
       = what people call the subject goes into `subject.name`

    study.toml:4:9: `subject.class` cannot be ""
     4 | class = ""
       |         ^^ expected 1 to 100 characters, no space at either end and no braces
    "#);
}

#[test]
fn identifier_equal_to_class() {
    assert_snapshot!(errors("[subject]\nidentifier = \"Figurine\""), @r#"
    study.toml:3:14: `subject.identifier` and `subject.class` are both "Figurine"
     3 | identifier = "Figurine"
       |              ^^^^^^^^^^ expected one made-up word, e.g. `aawxbc`
    "#);
}

#[test]
fn signs_of_the_tokenizer() {
    let text = errors("[subject]\nidentifier = \"<|endoftext|>\"");
    assert!(text.contains("`subject.identifier` cannot be") && text.contains("belong to the tokenizer"), "{text}");
}
