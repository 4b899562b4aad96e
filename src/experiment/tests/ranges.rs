//! Ranges, and settings that change together.

use insta::assert_snapshot;

use super::{BASE, errors, folder, labels, load, load_in};

#[test]
fn ranges_are_lists_that_need_not_be_written() {
    let text = "[sweep]\ntrain.learning_rate = { from = 1e-5, to = 1e-3, steps = 3, scale = \"log\" }\n\
                train.rank = { from = 4, to = 8, steps = 2 }";
    let written = "[sweep]\ntrain.learning_rate = [1e-5, 1e-4, 1e-3]\ntrain.rank = [4, 8]";
    assert_eq!(labels(text), labels(written));
    assert_eq!(labels(text)[2], "train.learning_rate=1e-4 train.rank=4");
    // A range of a later layer replaces the one of an earlier layer as a whole.
    let dir = folder();
    std::fs::write(
        dir.path().join("base.toml"),
        format!("{BASE}\n[sweep.train.rank]\nfrom = 4\nto = 64\nsteps = 5\nscale = 'log'"),
    )
    .unwrap();
    let set = ["sweep.train.rank={ from = 2, to = 6, steps = 3 }"];
    for (set, count) in [(&set[..0], 5), (&set[..], 3)] {
        assert_eq!(load_in(&dir, "extends = 'base.toml'", set, &[]).unwrap().cells().len(), count);
    }
}

#[test]
fn ranges_that_are_wrong() {
    assert_snapshot!(errors("[sweep]\ntrain.rank = { from = 4, to = 8, steps = 3, scale = 'log' }\n\
        train.seed = { from = 1, to = 1, steps = 1 }\ntrain.learning_rate = { form = 0, to = 1e-3, steps = 3, scale = 'lin' }\n\
        dataset.size = { from = 0, to = inf, steps = 3, scale = 'log' }"), @r#"
        study.toml:3:14: `train.rank` cannot be 5.65685
         3 | train.rank = { from = 4, to = 8, steps = 3, scale = 'log' }
           |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected a whole number from 1 to 1024

        study.toml:4:42: `steps` cannot be 1
         4 | train.seed = { from = 1, to = 1, steps = 1 }
           |                                          ^ expected a whole number from 2 to 10000: how many values there are

        study.toml:5:23: `from` is missing in the range of `train.learning_rate`
         5 | train.learning_rate = { form = 0, to = 1e-3, steps = 3, scale = 'lin' }
           |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
           = write e.g. `{ from = 1e-5, to = 1e-3, steps = 5, scale = "log" }`

        study.toml:5:25: a range has no `form`
         5 | train.learning_rate = { form = 0, to = 1e-3, steps = 3, scale = 'lin' }
           |                         ^^^^ expected from, to, steps, scale
           = did you mean `from`?

        study.toml:5:65: `scale` cannot be "lin"
         5 | train.learning_rate = { form = 0, to = 1e-3, steps = 3, scale = 'lin' }
           |                                                                 ^^^^^ expected "linear" or "log"

        study.toml:6:33: `to` cannot be inf
         6 | dataset.size = { from = 0, to = inf, steps = 3, scale = 'log' }
           |                                 ^^^ expected a number
        "#);
    assert_snapshot!(errors("[sweep]\ntrain.rank = { from = 4, to = 8, steps = 3, scale = 'log' }"), @"
    study.toml:3:14: `train.rank` cannot be 5.65685
     3 | train.rank = { from = 4, to = 8, steps = 3, scale = 'log' }
       |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected a whole number from 1 to 1024
    ");
    assert_snapshot!(errors("[sweep]\ntrain.dropout = { from = 0, to = 0.5, steps = 3, scale = 'log' }\ntrain.seed = { from = 1, to = 1, steps = 2 }"), @r#"
    study.toml:3:26: `from` cannot be 0
     3 | train.dropout = { from = 0, to = 0.5, steps = 3, scale = 'log' }
       |                          ^ expected a number above 0: the scale is "log"

    study.toml:4:14: the range of `train.seed` begins and ends at 1
     4 | train.seed = { from = 1, to = 1, steps = 2 }
       |              ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       = write a list with that one value
    "#);
    assert_snapshot!(load_in(&folder(), BASE, &["sweep.train.rank={ from = 4 }"], &[]).unwrap_err(), @r#"
    --set sweep.train.rank={ from = 4 }: `to` is missing in the range of `train.rank`
      = write e.g. `{ from = 1e-5, to = 1e-3, steps = 5, scale = "log" }`

    --set sweep.train.rank={ from = 4 }: `steps` is missing in the range of `train.rank`
      = write e.g. `{ from = 1e-5, to = 1e-3, steps = 5, scale = "log" }`
    "#);
}

#[test]
fn zipped_settings_change_together() {
    let zip = "[sweep]\ntrain.seed = [0, 1]\n[sweep.zip]\ntrain.rank = [4, 8]\ntrain.alpha = { from = 2, to = 4, steps = 2 }\n";
    let expected = [
        "train.seed=0 train.rank=4 train.alpha=2",
        "train.seed=0 train.rank=8 train.alpha=4",
        "train.seed=1 train.rank=4 train.alpha=2",
        "train.seed=1 train.rank=8 train.alpha=4",
    ];
    assert_eq!(labels(zip), expected);
    let two = "[[sweep.zip]]\ntrain.rank = [4, 8]\ntrain.alpha = [2, 4]\n[[sweep.zip]]\ndataset.size = [5, 5, 9]\ntrain.steps = [10, 20, 10]\n";
    assert_eq!(labels(two).len(), 6);
    assert_eq!(labels(two)[1], "train.rank=4 train.alpha=2 dataset.size=5 train.steps=20");
    // `[[cells]]` and `[[exclude]]` see the settings of a group like any other.
    let more = "[[cells]]\ntrain.rank = 16\n[[exclude]]\ntrain.alpha = 4\ntrain.seed = 1\n";
    assert_eq!(labels(&format!("{zip}{more}")), [&expected[..3], &["train.rank=16"]].concat());
    let axes: Vec<String> = load(zip).unwrap().axes.iter().map(|axis| axis.key.clone()).collect();
    assert_eq!(axes, ["train.seed", "train.rank", "train.alpha"]);
}

#[test]
fn groups_are_inherited_and_replaced() {
    let dir = folder();
    let zip = "[sweep.zip]\ntrain.rank = [4, 8]\ntrain.alpha = [2, 4]";
    std::fs::write(dir.path().join("base.toml"), format!("{BASE}\n{zip}")).unwrap();
    let load = |text: &str, set: &[&str]| load_in(&dir, &format!("extends = 'base.toml'\n{text}"), set, &[]);
    assert_eq!(load("", &[]).unwrap().cells().len(), 2);
    assert_eq!(load("[sweep]\nzip = []", &[]).unwrap().cells().len(), 1);
    assert_eq!(load("[sweep.zip]\ntrain.rank = [1, 2, 3]\ntrain.seed = [1, 2, 3]", &[]).unwrap().cells().len(), 3);
    assert_eq!(load("", &["sweep.zip=[{ train.rank = [1, 2, 3], train.seed = [1, 2, 3] }]"]).unwrap().cells().len(), 3);
    assert_snapshot!(load("[sweep]\ntrain.rank = [1]", &[]).unwrap_err(), @"
    study.toml:3:7: `train.rank` is swept and zipped
     3 | train.rank = [1]
       |       ^^^^
       = sweep it once: in `[sweep]` or in `[sweep.zip]`
    ");
    // A group of a later file takes a setting out of the lists of an extended one.
    std::fs::write(dir.path().join("base.toml"), format!("{BASE}\n[sweep]\ntrain.rank = [1, 2, 3]")).unwrap();
    assert_eq!(load(zip, &[]).unwrap().cells().len(), 2);
}

#[test]
fn groups_that_are_wrong() {
    assert_snapshot!(errors("[sweep]\nzip = 3"), @"
    study.toml:3:7: `sweep.zip` is a number
     3 | zip = 3
       |       ^ expected settings that change together, each with a list of values
       = write `[sweep.zip]` and below it e.g. `train.rank = [4, 8]` and `train.alpha = [4, 8]`
    ");
    assert_snapshot!(errors("[[sweep.zip]]\ntrain.rank = [4, 8]\ntrain.alpha = [2, 4, 8]\n[[sweep.zip]]\ndataset.size = [5]\n\
        [[sweep.zip]]\ntrain.rank = [1]\nname = ['a']\n[[sweep.zip]]\n"), @"
        study.toml:4:15: `sweep.zip`: `train.alpha` has 3 values
         4 | train.alpha = [2, 4, 8]
           |               ^^^^^^^^^ expected 2 values, as `train.rank` has

        study.toml:6:9: `dataset.size` is alone in its `sweep.zip`
         6 | dataset.size = [5]
           |         ^^^^ expected at least two settings that change together
           = write it into `[sweep]`, or add a setting that changes with `dataset.size`

        study.toml:8:7: `train.rank` is in two groups of `sweep.zip`
         8 | train.rank = [1]
           |       ^^^^
           = keep one of them

        study.toml:9:1: `name` cannot be swept: all cells share one report
         9 | name = ['a']
           | ^^^^

        study.toml:10:1: this `[[sweep.zip]]` is empty
         10 | [[sweep.zip]]
            | ^^^^^^^^^^^^^ expected at least one setting
        ");
}
