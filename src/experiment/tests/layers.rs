//! Defaults, `extends`, the file, the environment, `--set`: what wins, and how each is named.

use insta::assert_snapshot;

use super::{BASE, errors, folder, load, load_in, warnings};
use crate::experiment::settings::{Base, Device, Dtype};
use crate::experiment::{Experiment, Overrides};

#[test]
fn extends_in_a_circle() {
    let dir = folder();
    std::fs::write(dir.path().join("b.toml"), "extends = \"study.toml\"").unwrap();
    assert_snapshot!(load_in(&dir, "\nextends = \"b.toml\"", &[], &[]).unwrap_err(), @r#"
    b.toml:1:11: `extends` goes in a circle: study.toml is already part of the chain
     1 | extends = "study.toml"
       |           ^^^^^^^^^^^^
       = remove this `extends` or name another file
    "#);
}

#[test]
fn extends_of_a_missing_file() {
    assert_snapshot!(load_in(&folder(), "extends = \"bass.toml\"", &[], &[]).unwrap_err(), @r#"
    study.toml:1:11: bass.toml cannot be read: there is no such file
     1 | extends = "bass.toml"
       |           ^^^^^^^^^^^
       = did you mean `base.toml`?
       = paths are relative to the file that names them
    "#);
}

#[test]
fn missing_experiment_file() {
    let dir = folder();
    std::fs::write(dir.path().join("study.toml"), "").unwrap();
    let error = Experiment::load(&dir.path().join("studdy.toml"), &Overrides::default()).unwrap_err().to_string();
    assert_snapshot!(error.replace(&dir.path().display().to_string(), "DIR"), @"
    DIR/studdy.toml: cannot be read: there is no such file
      = did you mean `DIR/study.toml`?
    ");
}

#[test]
fn file_that_is_not_text() {
    let dir = folder();
    let path = dir.path().join("study.toml");
    std::fs::write(&path, b"a = 1\n\xff\xfe").unwrap();
    let error = Experiment::load(&path, &Overrides::default()).unwrap_err().to_string();
    assert_snapshot!(error.replace(&dir.path().display().to_string(), "DIR"), @"DIR/study.toml: cannot be read: it is not UTF-8 text (line 2)");
}

#[test]
fn overrides_are_named() {
    let env = [("RUNNER_TRAIN__RANK", "0"), ("RUNNER_TRIAN__X", "1"), ("RUNNER_NAME", "ci/machine")];
    let set = ["train.steps=-1", "train.rnak=3", "rank", "extends=x.toml", "generate.sampler=eulr"];
    assert_snapshot!(load_in(&folder(), "extends = \"base.toml\"", &set, &env).unwrap_err(), @r#"
    environment variable RUNNER_TRIAN__X=1: unknown key `trian`
      = did you mean `train`?

    --set rank: this is not a setting
      = expected a key and a value, e.g. `train.rank=8`

    --set train.rnak=3: unknown key `train.rnak`
      = expected a key of `[train]`
      = did you mean `train.rank`?

    --set extends=x.toml: `extends` can only be given in a file

    --set train.steps=-1: `train.steps` cannot be -1
      = expected a whole number from 1 to 10000000

    environment variable RUNNER_TRAIN__RANK=0: `train.rank` cannot be 0
      = expected a whole number from 1 to 1024

    --set generate.sampler=eulr: `generate.sampler` cannot be "eulr"
      = expected model, ddim, pndm, euler, euler-a, dpm++2m, dpm++2m-karras, unipc, heun, ddpm, lcm, dpm++2m-sde or dpm++sde
      = did you mean `euler`?
    "#);
}

#[test]
fn errors_in_an_extended_file_name_it() {
    let dir = folder();
    std::fs::write(dir.path().join("base.toml"), BASE.replace("size = 25", "size = 0\nsise = 1")).unwrap();
    assert_snapshot!(load_in(&dir, "extends = \"base.toml\"", &[], &[]).unwrap_err(), @"
    base.toml:9:8: `dataset.size` cannot be 0
     9 | size = 0
       |        ^ expected a whole number from 1 to 1000000

    base.toml:10:1: unknown key `dataset.sise`
     10 | sise = 1
        | ^^^^ expected a key of `[dataset]`
        = did you mean `dataset.size`?
    ");
}

#[test]
fn dates_are_no_values() {
    assert_snapshot!(errors("title = 1979-05-27"), @"
    study.toml:2:9: `title` cannot be 1979-05-27
     2 | title = 1979-05-27
       |         ^^^^^^^^^^ expected a text in quotes
    ");
}

#[test]
fn an_optimizer_has_its_own_defaults() {
    let optimizer = |set: &str| {
        let experiment = load(&format!("[train.optimizer]\n{set}")).unwrap();
        let optimizer = &experiment.cells()[0].settings.train.recipe.optimizer;
        serde_json::to_string(optimizer).unwrap()
    };
    let adamw = r#"{"name":"adamw","beta1":0.9,"beta2":0.999,"epsilon":1e-8,"weight_decay":0.01}"#;
    assert_eq!(optimizer(""), adamw);
    let lion = r#"{"name":"lion","beta1":0.9,"beta2":0.99,"weight_decay":0.0}"#;
    assert_eq!(optimizer("name = \"lion\""), lion);
    let lion = r#"{"name":"lion","beta1":0.9,"beta2":0.5,"weight_decay":1.0}"#;
    assert_eq!(optimizer("name = \"lion\"\nbeta2 = 0.5\nweight_decay = 1"), lion);
    assert_snapshot!(warnings("[train.optimizer]\nname = \"lion\"\nepsilon = 1e-6"), @r#"
    study.toml:4:11: warning: `train.optimizer.epsilon` has no effect with `name = "lion"`
     4 | epsilon = 1e-6
       |           ^^^^
    "#);
}

#[test]
fn warnings_do_not_stop() {
    assert_snapshot!(warnings("[subject]\nidentifier = \"sks\"\n[train]\ninstance_prompt = \"a photo of a {class}!\"\nlr_warmup_steps = 10\n[generate]\nprompts = \"a {class}\"\n[train.prior_preservation]\nclass_prompt = \"{identifier} {class}\"\nweight = 0\n[[exclude]]\ndataset.size = 7"), @r#"
    study.toml:3:14: warning: "sks" is a word the base model already knows
     3 | identifier = "sks"
       |              ^^^^^
       = its old meaning will mix with your subject: a made-up word such as `aawxbc` is safer

    study.toml:5:19: warning: `train.instance_prompt` does not contain the identifier
     5 | instance_prompt = "a photo of a {class}!"
       |                   ^^^^^^^^^^^^^^^^^^^^^^^
       = without `{identifier}` the photos change what the other words mean, and no word names the subject

    study.toml:6:19: warning: `train.lr_warmup_steps` has no effect with `lr_scheduler = "constant"`
     6 | lr_warmup_steps = 10
       |                   ^^
       = did you mean `constant-with-warmup`?

    study.toml:8:11: warning: no prompt of `generate.prompts` contains the identifier
     8 | prompts = "a {class}"
       |           ^^^^^^^^^^^
       = write `{identifier}` where the subject should appear

    study.toml:10:16: warning: `train.prior_preservation.class_prompt` contains the identifier
     10 | class_prompt = "{identifier} {class}"
        |                ^^^^^^^^^^^^^^^^^^^^^^
        = class images show other things of the class, not the subject

    study.toml:11:10: warning: class images are made and trained on, but their loss has weight 0
     11 | weight = 0
        |          ^
        = `images = 0` switches prior preservation off

    study.toml:13:9: warning: this `[[exclude]]` matches no cell: dataset.size=7
     13 | dataset.size = 7
        |         ^^^^
        = remove it or mend its values
    "#);
}

#[test]
fn hub_id_that_looks_like_a_typo() {
    let dir = folder();
    std::fs::create_dir_all(dir.path().join("models/toyworld")).unwrap();
    let experiment = load_in(&dir, "extends = \"base.toml\"\n[model]\nbase = \"models/toywrld\"", &[], &[]).unwrap();
    let here = format!("{}/", dir.path().display());
    assert_snapshot!(experiment.warnings[0].render(false).replace(&here, ""), @r#"
    study.toml:3:8: warning: there is no folder models/toywrld here, so it is taken as a Hub id
     3 | base = "models/toywrld"
       |        ^^^^^^^^^^^^^^^^
       = did you mean `models/toyworld`?
       = write ./ before a path to say that it is one
    "#);
}

#[test]
fn set_of_a_swept_setting_warns() {
    let text = "extends = \"base.toml\"\n[sweep]\ndataset.size = [5, 15]";
    let experiment = load_in(&folder(), text, &["dataset.size=5"], &[]).unwrap();
    assert_snapshot!(experiment.warnings[0].render(false), @"
    --set dataset.size=5: warning: `dataset.size` is swept, so this changes no cell
      = to run one cell use --only 'dataset.size=5', to replace the axis --set 'sweep.dataset.size=[5]'
    ");
}

#[test]
fn defaults_fill_what_is_not_said() {
    let experiment = load("").unwrap();
    assert_eq!((experiment.name.as_str(), experiment.title.as_str()), ("study", "study"));
    let settings = &experiment.settings;
    assert_eq!(settings.train.recipe.instance_prompt, "a photo of aawxbc figurine");
    assert_eq!((settings.train.recipe.rank, settings.train.recipe.alpha), (4, 4.0));
    assert_eq!((settings.generate.images.width, settings.generate.images.height), (128, 128));
    assert_eq!(settings.model.device, Device::Auto);
    assert_eq!(settings.train.prior_preservation.as_ref().unwrap().images.class_prompt, "a photo of a figurine");
    assert!(settings.dataset.images[0].is_absolute());
    assert_eq!(experiment.cells().len(), 1);
    assert_eq!((experiment.cells()[0].label.as_str(), experiment.cells()[0].slug.as_str()), ("default", "default"));
    assert!(experiment.warnings.is_empty());
}

#[test]
fn precedence_set_env_file_extends_defaults() {
    let rank = |text: &str, set: &[&str], env: &[(&str, &str)]| {
        load_in(&folder(), &format!("extends = \"base.toml\"\n{text}"), set, env).unwrap().settings.train.recipe.rank
    };
    let (file, env, set) = ("train.rank = 8", [("RUNNER_TRAIN__RANK", "16")], ["train.rank=32", "train.rank=64"]);
    assert_eq!(rank("", &[], &[]), 4);
    assert_eq!(rank(file, &[], &[]), 8);
    assert_eq!(rank(file, &[], &env), 16);
    assert_eq!(rank(file, &set, &env), 64);
    let settings = load("[dataset]\nsize = 7").unwrap().settings;
    assert_eq!((settings.dataset.size, settings.dataset.resolution), (7, 128));
}

#[test]
fn paths_are_relative_to_the_file_that_names_them() {
    let dir = folder();
    let inner = dir.path().join("inner");
    std::fs::create_dir_all(inner.join("photos")).unwrap();
    std::fs::write(inner.join("child.toml"), "extends = \"../base.toml\"\ndataset.images = \"photos\"").unwrap();
    let load = |set: Vec<String>| {
        let overrides = Overrides { set, current_dir: dir.path().to_owned(), ..Overrides::default() };
        Experiment::load(&inner.join("child.toml"), &overrides).unwrap().settings
    };
    let settings = load(Vec::new());
    assert_eq!(settings.dataset.images, [inner.join("photos")]);
    let Base::Folder(model) = settings.model.base else { panic!("{:?}", settings.model.base) };
    assert_eq!(model.canonicalize().unwrap(), dir.path().join("model").canonicalize().unwrap());
    assert_eq!(load(vec!["dataset.images=more photos".into()]).dataset.images, [dir.path().join("more photos")]);
}

#[test]
fn bases_and_devices() {
    let model = |text: &str| load(&format!("[model]\n{text}")).unwrap().settings.model;
    assert!(matches!(model("base = 'weights.safetensors'").base, Base::File(_)));
    let hub = |id: &str, revision: Option<&str>| Base::Hub { id: id.into(), revision: revision.map(Into::into) };
    assert_eq!(model("base = 'owner/name'").base, hub("owner/name", None));
    assert_eq!(model("base = 'owner/name@fp16'").base, hub("owner/name", Some("fp16")));
    assert_eq!(model("device = 'cuda:1'").device, Device::Cuda(1));
    assert_eq!(model("device = 'cuda'").device, Device::Cuda(0));
    assert_eq!(model("dtype = 'bf16'").dtype, Dtype::Bf16);
}

#[test]
fn short_forms() {
    let settings =
        load("[generate]\nseeds = 7\nprompts = 'a {identifier}'\n[train]\nlearning_rate = 1").unwrap().settings;
    assert_eq!(
        (settings.generate.images.seeds, settings.generate.images.prompts),
        (vec![7], vec!["a aawxbc".to_owned()])
    );
    assert_eq!(settings.train.recipe.learning_rate, 1.0);
    let settings = load("[train.prior_preservation]\nimages = 0").unwrap().settings;
    assert_eq!(settings.train.prior_preservation, None);
}

#[test]
fn epochs_become_steps() {
    let steps =
        |text: &str| load(text).unwrap().cells().iter().map(|c| c.settings.train.recipe.steps).collect::<Vec<_>>();
    assert_eq!(steps("[train]\nepochs = 4"), [100]);
    assert_eq!(steps("[train]\nepochs = 4\nbatch_size = 3\ngradient_accumulation = 2"), [17]);
    assert_eq!(steps("[train]\nepochs = 16\n[sweep]\ndataset.size = [5, 15, 25]"), [80, 240, 400]);
    assert_eq!(steps("[train]\nsteps = 9\n[sweep]\ntrain.epochs = [1, 2]"), [25, 50]);
    let dir = folder();
    let set = ["train.steps=7"];
    let experiment = load_in(&dir, "extends = 'base.toml'\ntrain.epochs = 3", &set, &[]).unwrap();
    assert_eq!(experiment.settings.train.recipe.steps, 7);
}

#[test]
fn values_typed_on_the_command_line() {
    let set = ["subject.class=42", "train.rank = 8", "generate.prompts=a {identifier} cat", "generate.seeds=[3, 4]"];
    let settings = load_in(&folder(), "extends = 'base.toml'", &set, &[]).unwrap().settings;
    assert_eq!((settings.subject.class.as_str(), settings.train.recipe.rank), ("42", 8));
    assert_eq!(
        (settings.generate.images.prompts, settings.generate.images.seeds),
        (vec!["a aawxbc cat".to_owned()], vec![3, 4])
    );
    let experiment = load_in(&folder(), "extends = 'base.toml'", &["sweep.dataset.size=[1,2]"], &[]).unwrap();
    assert_eq!(experiment.cells().len(), 2);
}

#[test]
fn a_chain_has_an_end() {
    let dir = folder();
    for i in 0..40 {
        std::fs::write(dir.path().join(format!("{i}.toml")), format!("extends = \"{}.toml\"", i + 1)).unwrap();
    }
    let message = load_in(&dir, "extends = \"0.toml\"", &[], &[]).unwrap_err();
    assert!(message.contains("the chain of files too long") && message.contains("at most 32 files"), "{message}");
}
