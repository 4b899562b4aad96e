//! Values of a wrong type or out of range.

use insta::assert_snapshot;

use crate::experiment::tests::errors;

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
fn ranges() {
    assert_snapshot!(errors("[train]\nlearning_rate = nan\ndropout = 1.0\nsteps = 0\nbatch_size = 99999999\nalpha = 0\n[train.optimizer]\nepsilon = 0.0\nweight_decay = inf\n[train.prior_preservation]\nweight = -1.0\n[generate]\nguidance_scale = -7.5\nsteps = 0\nlora_scale = 1e9"), @"
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

    study.toml:9:11: `train.optimizer.epsilon` cannot be 0.0
     9 | epsilon = 0.0
       |           ^^^ expected a number above 0, up to 1

    study.toml:10:16: `train.optimizer.weight_decay` cannot be inf
     10 | weight_decay = inf
        |                ^^^ expected a number from 0, up to 100

    study.toml:12:10: `train.prior_preservation.weight` cannot be -1.0
     12 | weight = -1.0
        |          ^^^^ expected a number from 0, up to 1000

    study.toml:14:18: `generate.guidance_scale` cannot be -7.5
     14 | guidance_scale = -7.5
        |                  ^^^^ expected a number from 0, up to 100

    study.toml:15:9: `generate.steps` cannot be 0
     15 | steps = 0
        |         ^ expected a whole number from 1 to 1000

    study.toml:16:14: `generate.lora_scale` cannot be 1e9
     16 | lora_scale = 1e9
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
fn samplers_without_noise_levels() {
    assert_snapshot!(errors("[generate]\nsampler = \"ddim\"\nsigmas = \"karras\""), @r#"
    study.toml:4:10: `generate.sigmas`: ddim does not work on noise levels, so that they cannot be karras
     4 | sigmas = "karras"
       |          ^^^^^^^^
       = euler, heun, dpm++2m, dpm++2m-sde, dpm++sde and unipc do; in a sweep, `[[exclude]]` drops the combination
    "#);
    assert_snapshot!(errors("[generate]\nsampler = \"dpm++2m\"\ntimestep_spacing = \"trailing\"\nsigmas = \"beta\""), @r#"
    study.toml:4:20: `generate.timestep_spacing`: the beta noise levels of dpm++2m decide its timesteps, so that trailing spacing changes nothing
     4 | timestep_spacing = "trailing"
       |                    ^^^^^^^^^^
       = set the spacing or the noise levels, not both; in a sweep, `[[exclude]]` drops the combination
    "#);
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
       |           ^^^^^ expected model, ddim, pndm, euler, euler-a, dpm++2m, dpm++2m-karras, unipc, heun, ddpm, lcm, dpm++2m-sde or dpm++sde
       = did you mean `ddpm`?

    study.toml:7:9: `model.dtype` cannot be "fp16"
     7 | dtype = "fp16"
       |         ^^^^^^ expected f32, bf16, f16 or int8
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
fn steps_and_epochs() {
    assert_snapshot!(errors("[train]\nsteps = 100\nepochs = 5"), @"
    study.toml:4:10: `train.epochs` and `train.steps` are both given
     4 | epochs = 5
       |          ^ expected one of them
       = remove one: an epoch is one pass over the training photos
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

#[test]
fn a_loha_has_no_dropout() {
    assert_snapshot!(errors("[train]\nadapter = \"loha\"\ndropout = 0.1"), @r#"
    study.toml:4:11: `train.dropout` cannot be 0.1 with `adapter = "loha"`
     4 | dropout = 0.1
       |           ^^^ expected 0: neither peft nor LyCORIS has this dropout for a LoHa
    "#);
}

#[test]
fn options_of_training_that_do_not_go_together() {
    let cases = [
        (
            "[train]\nlearning_rate = 1.0\n[train.optimizer]\nname = \"prodigy\"\nlora_plus_ratio = 4.0",
            "one learning rate",
        ),
        (
            "[train]\nlearning_rate = 1.0\ntext_encoder = true\ntext_encoder_learning_rate = 0.5\n[train.optimizer]\nname \
             = \"prodigy\"",
            "one learning rate",
        ),
        ("[train]\nadapter = \"loha\"\n[train.optimizer]\nlora_plus_ratio = 4.0", "LoRA+ is about the B matrix"),
        (
            "[dataset]\nsize = 9\naspect_buckets = true\n[train.prior_preservation]\nimages = 8",
            "expected at least 9: the photos lend their shapes to the class images in turn",
        ),
    ];
    for (text, expected) in cases {
        let told = errors(text);
        assert!(told.contains(expected), "{text}: {told}");
    }
    for (text, expected) in [
        ("[train.optimizer]\nname = \"prodigy\"", "1.0 is usual with Prodigy"),
        ("[train]\ntext_encoder_learning_rate = 1e-5", "`train.text_encoder_learning_rate` has no effect"),
        ("[train]\nclip_skip = 1", "images are drawn with `generate.clip_skip` = 0"),
        ("[train]\nlokr_factor = 8", "`train.lokr_factor` has no effect"),
    ] {
        let told = crate::experiment::tests::warnings(text);
        assert!(told.contains(expected), "{text}: {told}");
    }
}
