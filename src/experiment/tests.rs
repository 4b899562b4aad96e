//! The whole way from text to cells, and every message byte for byte.

use insta::assert_snapshot;
use tempfile::TempDir;

use super::settings::{Base, Device, Dtype};
use super::{Experiment, Overrides};

/// A study that is right; the tests extend it with one thing.
const BASE: &str = r#"
[model]
base = "model"
[subject]
identifier = "aawxbc"
class = "figurine"
[dataset]
images = "photos"
size = 25
resolution = 128
"#;

/// A folder with a model, photos and `base.toml`.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["model", "photos", "more photos", "empty-model"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    for name in ["model/model_index.json", "weights.safetensors", "weights.ckpt"] {
        std::fs::write(dir.path().join(name), "{}").unwrap();
    }
    std::fs::write(dir.path().join("base.toml"), BASE).unwrap();
    dir
}

fn load_in(dir: &TempDir, text: &str, set: &[&str], env: &[(&str, &str)]) -> Result<Experiment, String> {
    let path = dir.path().join("study.toml");
    std::fs::write(&path, text).unwrap();
    let overrides = Overrides {
        set: set.iter().map(|s| (*s).to_owned()).collect(),
        env: env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        current_dir: dir.path().to_owned(),
    };
    let here = format!("{}/", dir.path().display());
    Experiment::load(&path, &overrides).map_err(|problems| problems.to_string().replace(&here, ""))
}

/// Loads `text` on top of `base.toml`. The first line of `text` is line 2.
fn load(text: &str) -> Result<Experiment, String> {
    load_in(&folder(), &format!("extends = \"base.toml\"\n{text}"), &[], &[])
}

#[track_caller]
fn errors(text: &str) -> String {
    load(text).expect_err("should be refused")
}

#[track_caller]
fn warnings(text: &str) -> String {
    let experiment = load(text).unwrap_or_else(|e| panic!("{e}"));
    let here = experiment.file.parent().unwrap().display().to_string() + "/";
    let shown: Vec<String> = experiment.warnings.iter().map(|w| w.render(false).replace(&here, "")).collect();
    shown.join("\n\n")
}

#[track_caller]
fn labels(text: &str) -> Vec<String> {
    load(text).unwrap_or_else(|e| panic!("{e}")).cells().iter().map(|cell| cell.label.clone()).collect()
}

#[test]
fn unknown_key() {
    assert_snapshot!(errors("[train]\nrnak = 8"), @"
    study.toml:3:1: unknown key `train.rnak`
     3 | rnak = 8
       | ^^^^ expected a key of `[train]`
       = did you mean `train.rank`?
    ");
}

#[test]
fn unknown_section() {
    assert_snapshot!(errors("[trian]\nrank = 8\nsteps = 7"), @"
    study.toml:2:2: unknown key `trian`
     2 | [trian]
       |  ^^^^^
       = did you mean `train`?
    ");
}

#[test]
fn key_of_another_section() {
    assert_snapshot!(errors("rank = 8"), @"
    study.toml:2:1: unknown key `rank`
     2 | rank = 8
       | ^^^^
       = did you mean `train.rank`?
    ");
}

#[test]
fn key_of_another_tool() {
    assert_snapshot!(errors("[train]\nnetwork_dim = 8\nzzz = 1"), @"
    study.toml:3:1: unknown key `train.network_dim`
     3 | network_dim = 8
       | ^^^^^^^^^^^ expected a key of `[train]`
       = did you mean `train.rank`?

    study.toml:4:1: unknown key `train.zzz`
     4 | zzz = 1
       | ^^^ expected a key of `[train]`
       = there are: instance_prompt, steps, epochs, batch_size, gradient_accumulation, learning_rate, lr_scheduler, lr_warmup_steps, lr_cycles, lr_power, rank, alpha, dropout, adam_beta1, adam_beta2, adam_epsilon, weight_decay, max_grad_norm, gradient_checkpointing, checkpoint_every, seed, prior_preservation
    ");
}

#[test]
fn unknown_key_in_sweep_cells_and_exclude() {
    assert_snapshot!(errors("[sweep]\ndataset.sizes = [5]\n[[cells]]\ntrain.rnk = 1\n[[exclude]]\n\"train.sed\" = 1"), @r#"
    study.toml:3:9: unknown key `dataset.sizes`
     3 | dataset.sizes = [5]
       |         ^^^^^ expected a key of `[dataset]`
       = did you mean `dataset.size`?

    study.toml:5:7: unknown key `train.rnk`
     5 | train.rnk = 1
       |       ^^^ expected a key of `[train]`
       = did you mean `train.rank`?

    study.toml:7:1: unknown key `train.sed`
     7 | "train.sed" = 1
       | ^^^^^^^^^^^ expected a key of `[train]`
       = did you mean `train.seed`?
    "#);
}

#[test]
fn all_errors_at_once() {
    assert_snapshot!(errors("[train]\nrank = 0\nlearning_rate = -1\n[generate]\nseeds = []"), @"
    study.toml:3:8: `train.rank` cannot be 0
     3 | rank = 0
       |        ^ expected a whole number from 1 to 1024

    study.toml:4:17: `train.learning_rate` cannot be -1
     4 | learning_rate = -1
       |                 ^^ expected a number above 0, up to 1

    study.toml:6:9: `generate.seeds` is empty
     6 | seeds = []
       |         ^^ expected at least one seed, e.g. [0, 1, 2, 3]
    ");
}

#[test]
fn wrong_types() {
    assert_snapshot!(errors("[train]\nrank = \"four\"\nsteps = 4.0\ngradient_checkpointing = 1\ninstance_prompt = 7\n[generate]\nseeds = [1, -2]\nprompts = [1]"), @r#"
    study.toml:3:8: `train.rank` cannot be "four"
     3 | rank = "four"
       |        ^^^^^^ expected a whole number from 1 to 1024

    study.toml:4:9: `train.steps` cannot be 4.0
     4 | steps = 4.0
       |         ^^^ expected a whole number from 1 to 10000000

    study.toml:5:26: `train.gradient_checkpointing` cannot be 1
     5 | gradient_checkpointing = 1
       |                          ^ expected true or false

    study.toml:6:19: `train.instance_prompt` cannot be 7
     6 | instance_prompt = 7
       |                   ^ expected a text in quotes

    study.toml:8:9: `generate.seeds` cannot be [1, -2]
     8 | seeds = [1, -2]
       |         ^^^^^^^ expected a list of whole numbers, each 0 or more

    study.toml:9:11: `generate.prompts` cannot be [1]
     9 | prompts = [1]
       |           ^^^ expected a text or a list of texts
    "#);
}

#[test]
fn section_instead_of_value_and_back() {
    assert_snapshot!(errors("train = 5\n[dataset.size]\nx = 1"), @"
    study.toml:2:9: `train` is a number
     2 | train = 5
       |         ^ expected a section
       = write `[train]` and below it e.g. `instance_prompt = …`

    study.toml:3:10: `dataset.size` cannot be a section
     3 | [dataset.size]
       |          ^^^^ expected a whole number from 1 to 1000000
    ");
}

#[test]
fn ranges() {
    assert_snapshot!(errors("[train]\nlearning_rate = nan\ndropout = 1.0\nsteps = 0\nbatch_size = 99999999\nalpha = 0\nadam_epsilon = 0.0\nweight_decay = inf\n[train.prior_preservation]\nweight = -1.0\n[generate]\nguidance_scale = -7.5\nsteps = 0\nlora_scale = 1e9"), @"
    study.toml:3:17: `train.learning_rate` cannot be NaN
     3 | learning_rate = nan
       |                 ^^^ expected a number above 0, up to 1

    study.toml:4:11: `train.dropout` cannot be 1.0
     4 | dropout = 1.0
       |           ^^^ expected a number from 0, below 1

    study.toml:5:9: `train.steps` cannot be 0
     5 | steps = 0
       |         ^ expected a whole number from 1 to 10000000

    study.toml:6:14: `train.batch_size` cannot be 99999999
     6 | batch_size = 99999999
       |              ^^^^^^^^ expected a whole number from 1 to 1024

    study.toml:7:9: `train.alpha` cannot be 0
     7 | alpha = 0
       |         ^ expected a number above 0, up to 10000

    study.toml:8:16: `train.adam_epsilon` cannot be 0.0
     8 | adam_epsilon = 0.0
       |                ^^^ expected a number above 0, up to 1

    study.toml:9:16: `train.weight_decay` cannot be inf
     9 | weight_decay = inf
       |                ^^^ expected a number from 0, up to 100

    study.toml:11:10: `train.prior_preservation.weight` cannot be -1.0
     11 | weight = -1.0
        |          ^^^^ expected a number from 0, up to 1000

    study.toml:13:18: `generate.guidance_scale` cannot be -7.5
     13 | guidance_scale = -7.5
        |                  ^^^^ expected a number from 0, up to 100

    study.toml:14:9: `generate.steps` cannot be 0
     14 | steps = 0
        |         ^ expected a whole number from 1 to 1000

    study.toml:15:14: `generate.lora_scale` cannot be 1e9
     15 | lora_scale = 1e9
        |              ^^^ expected a number from -10, up to 10
    ");
}

#[test]
fn resolution() {
    assert_snapshot!(errors("[dataset]\nresolution = 130\n[generate]\nwidth = 0"), @"
    study.toml:3:14: `dataset.resolution` cannot be 130
     3 | resolution = 130
       |              ^^^ expected a multiple of 8
       = did you mean `136`?

    study.toml:5:9: `generate.width` cannot be 0
     5 | width = 0
       |         ^ expected a whole number from 8 to 4096
    ");
}

#[test]
fn choices() {
    assert_snapshot!(errors("[train]\nlr_scheduler = \"cosin\"\n[generate]\nsampler = \"dpm\"\n[model]\ndtype = \"fp16\"\ndevice = \"gpu\"\n[dataset]\ncrop = 'centre'"), @r#"
    study.toml:3:16: `train.lr_scheduler` cannot be "cosin"
     3 | lr_scheduler = "cosin"
       |                ^^^^^^^ expected constant, constant-with-warmup, linear, cosine, cosine-with-restarts or polynomial
       = did you mean `cosine`?

    study.toml:5:11: `generate.sampler` cannot be "dpm"
     5 | sampler = "dpm"
       |           ^^^^^ expected ddim, pndm, euler, euler-a, dpm++2m, dpm++2m-karras or unipc
       = did you mean `dpm++2m`?

    study.toml:7:9: `model.dtype` cannot be "fp16"
     7 | dtype = "fp16"
       |         ^^^^^^ expected f32, bf16 or f16
       = did you mean `f16`?

    study.toml:8:10: `model.device` cannot be "gpu"
     8 | device = "gpu"
       |          ^^^^^ expected auto, cpu, cuda, cuda:<number> or metal

    study.toml:10:8: `dataset.crop` cannot be "centre"
     10 | crop = 'centre'
        |        ^^^^^^^^ expected center or random
        = did you mean `center`?
    "#);
}

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
       = write `{{` and `}}` for braces that shall stay
    "#);
}

#[test]
fn lone_brace_and_empty_name() {
    assert_snapshot!(errors("[generate]\nnegative_prompt = \"a } b\"\nbaseline_prompts = [\"a {name} {class}\"]"), @r#"
    study.toml:3:22: a lone `}` in a prompt
     3 | negative_prompt = "a } b"
       |                      ^
       = write `}}` for a brace that shall stay

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
       = without `{identifier}` the photos change what the other words mean, and no word calls the subject

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
       |         ^^ expected 1 to 100 characters, no space at either end
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
fn name_with_path_characters() {
    assert_snapshot!(errors("name = \"../../etc\""), @r#"
    study.toml:2:8: `name` cannot be "../../etc"
     2 | name = "../../etc"
       |        ^^^^^^^^^^^ expected letters, digits, `-`, `_` and `.`, at most 64
       = it becomes the folder reports/<name>; the title may hold anything
    "#);
    for name in [".store", "-x", "a b", "con", "COM1.txt", "", "x.", "a\\\\b"] {
        errors(&format!("name = \"{name}\""));
    }
}

#[test]
fn missing_folders() {
    assert_snapshot!(errors("[model]\nbase = \"./modle\"\n[dataset]\nimages = [\"photos\", \"more_photos\", \"~/x\"]"), @r#"
    study.toml:3:8: `model.base`: ./modle does not exist
     3 | base = "./modle"
       |        ^^^^^^^^^ expected a diffusers folder, a .safetensors file or a Hub id such as owner/name or owner/name@revision
       = did you mean `./model`?
       = paths are relative to the file that names them

    study.toml:5:21: `dataset.images`: more_photos does not exist
     5 | images = ["photos", "more_photos", "~/x"]
       |                     ^^^^^^^^^^^^^ expected a folder of photos
       = did you mean `more photos`?
       = paths are relative to the file that names them

    study.toml:5:36: `dataset.images`: ~/x does not exist
     5 | images = ["photos", "more_photos", "~/x"]
       |                                    ^^^^^ expected a folder of photos
       = `~` is not expanded: write the whole path
    "#);
}

#[test]
fn folder_that_is_no_model() {
    assert_snapshot!(errors("[model]\nbase = \"empty-model\""), @r#"
    study.toml:3:8: the folder empty-model has no model_index.json
     3 | base = "empty-model"
       |        ^^^^^^^^^^^^^ expected a diffusers folder
       = give the folder of the whole pipeline, with unet, vae, text_encoder, tokenizer and scheduler
    "#);
}

#[test]
fn pickle_is_refused() {
    assert_snapshot!(errors("[model]\nbase = \"weights.ckpt\""), @r#"
    study.toml:3:8: weights.ckpt is no .safetensors file
     3 | base = "weights.ckpt"
       |        ^^^^^^^^^^^^^^ expected a diffusers folder, a .safetensors file or a Hub id such as owner/name or owner/name@revision
       = pickle files can run code when they are opened: convert it to .safetensors first
    "#);
}

#[test]
fn neither_path_nor_hub_id() {
    assert_snapshot!(errors("[model]\nbase = \"stable diffusion\""), @r#"
    study.toml:3:8: `model.base` is neither a path that exists nor a Hub id: "stable diffusion"
     3 | base = "stable diffusion"
       |        ^^^^^^^^^^^^^^^^^^ expected a diffusers folder, a .safetensors file or a Hub id such as owner/name or owner/name@revision
    "#);
}

#[test]
fn missing_settings() {
    assert_snapshot!(load_in(&folder(), "[subject]\nclass = \"dog\"\n", &[], &[]).unwrap_err(), @r#"
    study.toml:1:2: `subject.identifier` is missing
     1 | [subject]
       |  ^^^^^^^
       = add `identifier = "aawxbc"` to `[subject]`

    study.toml: `model.base` is missing
      = add `base = "owner/name"` to `[model]`

    study.toml: `dataset.images` is missing
      = add `images = "photos"` to `[dataset]`

    study.toml: `dataset.size` is missing
      = add `size = 10` to `[dataset]`, or `dataset.size = [5, 15]` to `[sweep]`
    "#);
}

#[test]
fn steps_and_epochs() {
    assert_snapshot!(errors("[train]\nsteps = 100\nepochs = 5"), @"
    study.toml:4:10: `train.epochs` and `train.steps` are both given
     4 | epochs = 5
       |          ^ expected one of them
       = remove one: an epoch is one pass over the training photos
    ");
}

#[test]
fn syntax_error() {
    assert_snapshot!(errors("[train]\nrank = \nsteps = 5"), @"
    study.toml:3:8: a value is missing after `=`
     3 | rank = 
       |        ^
       = this is not valid TOML: see https://toml.io
    ");
}

#[test]
fn duplicate_key() {
    assert_snapshot!(errors("[train]\nrank = 1\nrank = 2"), @"
    study.toml:4:1: duplicate key
     4 | rank = 2
       | ^^^^
       = this is not valid TOML: see https://toml.io
    ");
}

#[test]
fn sweep_of_what_makes_no_sense() {
    assert_snapshot!(errors("[sweep]\nname = [\"a\", \"b\"]\nmodel.device = [\"cpu\"]\ndataset.held_out = [1, 2]"), @r#"
    study.toml:3:1: `name` cannot be swept: all cells share one report
     3 | name = ["a", "b"]
       | ^^^^

    study.toml:4:7: `model.device` cannot be swept: the device is where the study runs, not what it studies
     4 | model.device = ["cpu"]
       |       ^^^^^^

    study.toml:5:9: `dataset.held_out` cannot be swept: all cells must be measured on the same held-out photos
     5 | dataset.held_out = [1, 2]
       |         ^^^^^^^^
    "#);
}

#[test]
fn sweep_values_are_checked_where_they_stand() {
    assert_snapshot!(errors("[sweep]\ntrain.rank = [4, 0, 16]\ntrain.learning_rate = 1e-4\ndataset.size = []\ntrain.seed = [1, 1]"), @"
    study.toml:3:18: `train.rank` cannot be 0
     3 | train.rank = [4, 0, 16]
       |                  ^ expected a whole number from 1 to 1024

    study.toml:4:23: `sweep.train.learning_rate` cannot be 1e-4
     4 | train.learning_rate = 1e-4
       |                       ^^^^ expected a list of at least one value

    study.toml:5:16: `sweep.dataset.size` cannot be []
     5 | dataset.size = []
       |                ^^ expected a list of at least one value

    study.toml:6:18: `sweep.train.seed` has 1 twice
     6 | train.seed = [1, 1]
       |                  ^
       = remove one of them
    ");
}

#[test]
fn sweep_gives_a_key_twice() {
    assert_snapshot!(errors("[sweep]\ndataset.size = [5]\n\"dataset.size\" = [15]"), @r#"
    study.toml:4:1: `dataset.size` is given twice
     4 | "dataset.size" = [15]
       | ^^^^^^^^^^^^^^
       = keep one of them
    "#);
}

#[test]
fn too_large_grid() {
    let many = (0..200).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    assert_snapshot!(errors(&format!("[sweep]\ntrain.seed = [{many}]\ndataset.seed = [{many}]")).replace(&many[20..], "…"), @"
    study.toml:4:9: the grid has 200 × 200 cells
     4 | dataset.seed = [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,…
       |         ^^^^ expected at most 10000
    ");
}

#[test]
fn everything_excluded() {
    assert_snapshot!(errors("[sweep]\ndataset.size = [5]\n[[exclude]]\ndataset.size = 5"), @"
    study.toml:5:9: `[[exclude]]` drops every cell
     5 | dataset.size = 5
       |         ^^^^
       = nothing would be left to run
    ");
}

#[test]
fn cells_with_one_bracket() {
    assert_snapshot!(errors("[cells]\ntrain.rank = 4"), @"
    study.toml:2:2: `cells` is a section
     2 | [cells]
       |  ^^^^^ expected one `[[cells]]` section for each combination
       = write `[[cells]]` with two brackets
    ");
}

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

    --set rank: this is no setting
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
      = expected ddim, pndm, euler, euler-a, dpm++2m, dpm++2m-karras or unipc
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
fn warnings_do_not_stop() {
    assert_snapshot!(warnings("[subject]\nidentifier = \"sks\"\n[train]\ninstance_prompt = \"a photo of a {class}!\"\nlr_warmup_steps = 10\n[generate]\nprompts = \"a {class}\"\n[train.prior_preservation]\nclass_prompt = \"{identifier} {class}\"\nweight = 0\n[[exclude]]\ndataset.size = 7"), @r#"
    study.toml:3:14: warning: "sks" is a word the base model already knows
     3 | identifier = "sks"
       |              ^^^^^
       = its old meaning will mix with your subject: a made-up word such as `aawxbc` is safer

    study.toml:5:19: warning: `train.instance_prompt` does not contain the identifier
     5 | instance_prompt = "a photo of a {class}!"
       |                   ^^^^^^^^^^^^^^^^^^^^^^^
       = without `{identifier}` the photos change what the other words mean, and no word calls the subject

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

    study.toml:11:10: warning: class images are made and trained on, but their loss counts nothing
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
    assert_eq!(settings.train.instance_prompt, "a photo of aawxbc figurine");
    assert_eq!((settings.train.rank, settings.train.alpha), (4, 4.0));
    assert_eq!((settings.generate.width, settings.generate.height), (128, 128));
    assert_eq!(settings.model.device, Device::Auto);
    assert_eq!(settings.train.prior_preservation.as_ref().unwrap().class_prompt, "a photo of a figurine");
    assert!(settings.dataset.images[0].is_absolute());
    assert_eq!(experiment.cells().len(), 1);
    assert_eq!((experiment.cells()[0].label.as_str(), experiment.cells()[0].slug.as_str()), ("default", "default"));
    assert!(experiment.warnings.is_empty());
}

#[test]
fn precedence_set_env_file_extends_defaults() {
    let rank = |text: &str, set: &[&str], env: &[(&str, &str)]| {
        load_in(&folder(), &format!("extends = \"base.toml\"\n{text}"), set, env).unwrap().settings.train.rank
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
    assert_eq!((settings.generate.seeds, settings.generate.prompts), (vec![7], vec!["a aawxbc".to_owned()]));
    assert_eq!(settings.train.learning_rate, 1.0);
    let settings = load("[train.prior_preservation]\nimages = 0").unwrap().settings;
    assert_eq!(settings.train.prior_preservation, None);
}

#[test]
fn epochs_become_steps() {
    let steps = |text: &str| load(text).unwrap().cells().iter().map(|c| c.settings.train.steps).collect::<Vec<_>>();
    assert_eq!(steps("[train]\nepochs = 4"), [100]);
    assert_eq!(steps("[train]\nepochs = 4\nbatch_size = 3\ngradient_accumulation = 2"), [17]);
    assert_eq!(steps("[train]\nepochs = 16\n[sweep]\ndataset.size = [5, 15, 25]"), [80, 240, 400]);
    assert_eq!(steps("[train]\nsteps = 9\n[sweep]\ntrain.epochs = [1, 2]"), [25, 50]);
    let dir = folder();
    let set = ["train.steps=7"];
    let experiment = load_in(&dir, "extends = 'base.toml'\ntrain.epochs = 3", &set, &[]).unwrap();
    assert_eq!(experiment.settings.train.steps, 7);
}

#[test]
fn values_typed_on_the_command_line() {
    let set = ["subject.class=42", "train.rank = 8", "generate.prompts=a {identifier} cat", "generate.seeds=[3, 4]"];
    let settings = load_in(&folder(), "extends = 'base.toml'", &set, &[]).unwrap().settings;
    assert_eq!((settings.subject.class.as_str(), settings.train.rank), ("42", 8));
    assert_eq!((settings.generate.prompts, settings.generate.seeds), (vec!["a aawxbc cat".to_owned()], vec![3, 4]));
    let experiment = load_in(&folder(), "extends = 'base.toml'", &["sweep.dataset.size=[1,2]"], &[]).unwrap();
    assert_eq!(experiment.cells().len(), 2);
}

#[test]
fn the_grid_is_the_product_in_file_order() {
    let expected = [
        "train.rank=4 dataset.size=5",
        "train.rank=4 dataset.size=15",
        "train.rank=8 dataset.size=5",
        "train.rank=8 dataset.size=15",
    ];
    assert_eq!(labels("[sweep]\ntrain.rank = [4, 8]\ndataset.size = [5, 15]"), expected);
    assert_eq!(labels("[sweep]\n\"train.rank\" = [4, 8]\n\"dataset.size\" = [5, 15]"), expected);
    assert_eq!(labels("[sweep.train]\nrank = [4, 8]\n[sweep.dataset]\nsize = [5, 15]"), expected);
    // File order holds even if the axes of one section do not stand together.
    let three = labels("[sweep]\ntrain.rank = [4, 8]\ndataset.size = [5]\ntrain.seed = [1, 2]");
    assert_eq!(three[1], "train.rank=4 dataset.size=5 train.seed=2");
}

#[test]
fn cells_are_added_and_excluded_and_never_double() {
    let grid = "[sweep]\ndataset.size = [5, 15]\n";
    let cells = "[[cells]]\ndataset.size = 15\n[[cells]]\ndataset.size = 15\ntrain.rank = 8\n";
    assert_eq!(labels(cells), ["dataset.size=15", "dataset.size=15 train.rank=8"]);
    assert_eq!(
        labels(&format!("{grid}{cells}")),
        ["dataset.size=5", "dataset.size=15", "dataset.size=15 train.rank=8"]
    );
    let exclude = "[[exclude]]\ndataset.size = 15\ntrain.rank = 4\n";
    assert_eq!(labels(&format!("{grid}{cells}{exclude}")), ["dataset.size=5", "dataset.size=15 train.rank=8"]);
}

#[test]
fn sweeps_over_lists_floats_and_texts() {
    let text =
        "[sweep]\ngenerate.seeds = [[0, 1], 2]\ntrain.learning_rate = [1e-4, 0.5]\ntrain.lr_scheduler = ['cosine']";
    let experiment = load(text).unwrap();
    let cells = experiment.cells();
    assert_eq!(cells[0].label, "generate.seeds=[0,1] train.learning_rate=1e-4 train.lr_scheduler=cosine");
    assert_eq!(cells[0].slug, "generate.seeds--0-1--train.learning_rate-1e-4-train.lr_scheduler-cosine");
    assert_eq!((cells[2].settings.generate.seeds.clone(), cells[3].settings.train.learning_rate), (vec![2], 0.5));
    assert_eq!(experiment.axes[1].key, "train.learning_rate");
}

#[test]
fn a_sweep_may_give_a_needed_key() {
    let dir = folder();
    std::fs::write(dir.path().join("base.toml"), BASE.replace("size = 25", "")).unwrap();
    let experiment = load_in(&dir, "extends = 'base.toml'\n[sweep]\ndataset.size = [5, 15]", &[], &[]).unwrap();
    assert_eq!(experiment.settings.dataset.size, 5);
    let text = "extends = 'base.toml'\n[sweep]\ndataset.size = [5, 15]\n[[cells]]\ntrain.rank = 8";
    assert_snapshot!(load_in(&dir, text, &[], &[]).unwrap_err(), @"
    study.toml: `dataset.size` is missing
      = add `size = 10` to `[dataset]`, or `dataset.size = [5, 15]` to `[sweep]`
    ");
}

#[test]
fn axes_are_inherited_and_replaced() {
    let dir = folder();
    std::fs::write(dir.path().join("base.toml"), format!("{BASE}\n[sweep]\ndataset.size = [5, 15]")).unwrap();
    let labels = |text: &str| -> Vec<String> {
        let experiment = load_in(&dir, &format!("extends = 'base.toml'\n{text}"), &[], &[]).unwrap();
        experiment.cells().iter().map(|c| c.label.clone()).collect()
    };
    assert_eq!(labels("[sweep]\ntrain.rank = [4]"), ["dataset.size=5 train.rank=4", "dataset.size=15 train.rank=4"]);
    assert_eq!(labels("[sweep]\ndataset.size = [1]"), ["dataset.size=1"]);
}

#[test]
fn the_largest_grid_is_read_quickly() {
    let seeds = |n: i32| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    let text = format!("[sweep]\ntrain.seed = [{}]\ndataset.seed = [{}]", seeds(100), seeds(100));
    let begun = std::time::Instant::now();
    assert_eq!(labels(&text).len(), 10_000);
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[test]
fn only_selects_cells() {
    let text = "[sweep]\ndataset.size = [5, 15]\ntrain.rank = [4, 8]\ntrain.instance_prompt = ['the {class}']";
    let experiment = load(text).unwrap();
    let select = |only: &[&str]| experiment.select(&only.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
    assert_eq!(select(&[]).unwrap(), [0, 1, 2, 3]);
    assert_eq!(select(&["dataset.size=5"]).unwrap(), [0, 1]);
    assert_eq!(select(&["dataset.size=15 train.rank=8"]).unwrap(), [3]);
    assert_eq!(select(&["dataset.size=15", "train.rank=4"]).unwrap(), [0, 2, 3]);
    assert_eq!(select(&["train.learning_rate=0.0001"]).unwrap().len(), 4);
    assert_eq!(select(&[experiment.cells()[2].label.as_str()]).unwrap(), [2]);
    assert_eq!(select(&[experiment.cells()[1].slug.as_str()]).unwrap(), [1]);
    assert_snapshot!(select(&["dataset.size=7"]).unwrap_err(), @r#"no cell matches 'dataset.size=7'; there are: dataset.size=5 train.rank=4 train.instance_prompt="the {class}", dataset.size=5 train.rank=8 train.instance_prompt="the {class}", dataset.size=15 train.rank=4 train.instance_prompt="the {class}", dataset.size=15 train.rank=8 train.instance_prompt="the {class}""#);
    assert_snapshot!(select(&["dataset.sice=7"]).unwrap_err(), @"
    --only dataset.sice=7: unknown key `dataset.sice`
      = did you mean `dataset.size`?
    ");
    assert_snapshot!(select(&["five"]).unwrap_err(), @"
    --only five: this is no condition
      = expected a key and a value, e.g. `dataset.size=5`, or the label of a cell
    ");
}

#[test]
fn default_file_is_a_good_start() {
    // With the needed lines filled in, the copy of the defaults is a study.
    let text = super::DEFAULTS
        .replace("# base = \"owner/name\"  ", "base = \"model\" ")
        .replace("# identifier =", "identifier =")
        .replace("# class =", "class =")
        .replace("# images =", "images =")
        .replace("# size =", "size =");
    let experiment = load_in(&folder(), &text, &[], &[]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(experiment.cells().len(), 1);
    assert!(experiment.warnings.is_empty(), "{:?}", experiment.warnings);
}

mod any_input {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn never_panics(text in "(\\[?\\[?(train|sweep|cells|dataset|x)(\\.(rank|size|seed|y))?\\]?\\]?|(rank|size|seeds|\"a\\.b\") ?= ?(0|-1|1e99|nan|\\[1,2\\]|\"\\{é\"|\\{a=1\\}|9{30})|[ -~é]{0,8}|\n){0,12}") {
            let _ = load(&text);
            let _ = load_in(&folder(), "extends = 'base.toml'", &[&text], &[("RUNNER_TRAIN__X", &text)]);
        }
    }
}
