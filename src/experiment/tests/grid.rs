//! `[sweep]`, `[[cells]]`, `[[exclude]]` and `--only`.

use insta::assert_snapshot;

use super::{BASE, errors, folder, labels, load, load_in};

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
       |                       ^^^^ expected a list of at least one value, or a range

    study.toml:5:16: `sweep.dataset.size` cannot be []
     5 | dataset.size = []
       |                ^^ expected a list of at least one value, or a range

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
    assert_eq!(cells[0].slug, "seeds--0-1--learning_rate-1e-4-lr_scheduler-cosine");
    assert_eq!(
        (cells[2].settings.generate.images.seeds.clone(), cells[3].settings.train.recipe.learning_rate),
        (vec![2], 0.5)
    );
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
    --only five: this is not a condition
      = expected a key and a value, e.g. `dataset.size=5`, or the label of a cell
    ");
}

/// Files that would take memory or time beyond all measure; each is refused at once, with its reason.
#[test]
fn what_is_too_much_is_refused() {
    let many = |n: usize, item: &dyn Fn(usize) -> String| (0..n).map(item).collect::<String>();
    let numbers = |n| many(n, &|i| format!("{i},"));
    let prompts = many(90, &|i| format!("\"{i} {}\",", "{identifier} ".repeat(600)));
    for (text, reason) in [
        (format!("[sweep]\ntrain.seed = [{}]", numbers(100_000)), "`sweep.train.seed` has 100000 values"),
        (
            format!(
                "[sweep]\ntrain.seed = [{}]\n{}",
                numbers(9),
                many(2000, &|i| format!("[[exclude]]\ntrain.seed = {i}\n"))
            ),
            "there are 2000 `[[exclude]]` sections",
        ),
        (format!("[dataset]\nimages = [{}]", "\"photos\",".repeat(90_000)), "`dataset.images` has 90000 folders"),
        (
            format!("[generate]\nprompts = [{prompts}]\n[sweep]\ntrain.seed = [{}]", numbers(9000)),
            "the most comes from `generate.prompts`",
        ),
        (many(80_000, &|i| format!("a{i} = 1\n")), "… and at least 970 more"),
    ] {
        let message = errors(&text);
        assert!(message.contains(reason), "{reason}: {}", message.chars().take(500).collect::<String>());
    }
}
