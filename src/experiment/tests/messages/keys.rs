//! Keys that are unknown, misplaced, missing or double.

use insta::assert_snapshot;

use crate::experiment::tests::{errors, folder, load_in};

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
       = there are: instance_prompt, steps, epochs, batch_size, gradient_accumulation, learning_rate, lr_scheduler, lr_warmup_steps, lr_cycles, lr_power, adapter, rank, alpha, lokr_factor, dropout, max_grad_norm, targets, scaling, text_encoder, text_encoder_learning_rate, clip_skip, caption_dropout, noise_offset, ema_decay, snr_gamma, gradient_checkpointing, checkpoint_every, keep_every, seed, optimizer, prior_preservation
    ");
}

#[test]
fn keys_of_the_optimizer_by_their_older_names() {
    assert_snapshot!(errors("[train]\nadam_beta1 = 0.9\nweight_decay = 0.1\noptimizer = \"lion\""), @r#"
    study.toml:3:1: unknown key `train.adam_beta1`
     3 | adam_beta1 = 0.9
       | ^^^^^^^^^^ expected a key of `[train]`
       = did you mean `train.optimizer.beta1`?

    study.toml:4:1: unknown key `train.weight_decay`
     4 | weight_decay = 0.1
       | ^^^^^^^^^^^^ expected a key of `[train]`
       = did you mean `train.optimizer.weight_decay`?

    study.toml:5:13: `train.optimizer` is a text
     5 | optimizer = "lion"
       |             ^^^^^^ expected a section
       = write `[train.optimizer]` and below it e.g. `name = …`
    "#);
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
