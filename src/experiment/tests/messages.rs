//! Every message about a wrong value, byte for byte.

use insta::assert_snapshot;

use super::{errors, folder, load_in};

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
       = there are: instance_prompt, steps, epochs, batch_size, gradient_accumulation, learning_rate, lr_scheduler, lr_warmup_steps, lr_cycles, lr_power, rank, alpha, dropout, adam_beta1, adam_beta2, adam_epsilon, weight_decay, max_grad_norm, snr_gamma, gradient_checkpointing, checkpoint_every, keep_every, seed, prior_preservation
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
       |           ^^^^^ expected ddim, pndm, euler, euler-a, dpm++2m, dpm++2m-karras, unipc or heun
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
fn signs_of_the_tokenizer() {
    let text = errors("[subject]\nidentifier = \"<|endoftext|>\"");
    assert!(text.contains("`subject.identifier` cannot be") && text.contains("belong to the tokenizer"), "{text}");
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
    study.toml:3:8: weights.ckpt is not a .safetensors file
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
fn checkpoint_that_is_not_kept() {
    assert_snapshot!(errors("[generate]\ncheckpoint = 100"), @"
    study.toml:3:14: `generate.checkpoint` is 100, and the training keeps no adapter of that step
     3 | checkpoint = 100
       |              ^^^ expected 400, the last step
       = set `train.keep_every` to the steps between kept adapters, or leave `generate.checkpoint` out
    ");
    assert_snapshot!(errors("[train]\nkeep_every = 100\n[generate]\ncheckpoint = 150"), @"
    study.toml:5:14: `generate.checkpoint` is 150, and the training keeps no adapter of that step
     5 | checkpoint = 150
       |              ^^^ expected a multiple of 100 below 400, or 400
       = `train.keep_every` says which steps are kept; another value trains again
    ");
    assert_snapshot!(errors("[train]\nkeep_every = 100\n[generate]\ncheckpoint = 500"), @"
    study.toml:5:14: `generate.checkpoint` is 500, and the training keeps no adapter of that step
     5 | checkpoint = 500
       |              ^^^ expected a multiple of 100 below 400, or 400
       = `train.keep_every` says which steps are kept; another value trains again
    ");
    assert_snapshot!(errors("[generate]\ncheckpoint = 0"), @"
    study.toml:3:14: `generate.checkpoint` cannot be 0
     3 | checkpoint = 0
       |              ^ expected a whole number from 1 to 10000000
    ");
}
