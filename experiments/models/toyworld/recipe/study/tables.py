"""The tables of a study: scores by the number of photos, and tests of the difference, in Markdown."""

import numpy as np
from scipy import stats

# Columns of a row, and how the tables call them.
NAMES = {
    "identity": "likeness (identity)",
    "class_identity": "likeness of class pictures",
    "probe_held_out": "held-out loss",
    "probe_train": "loss on its photos",
    "drift_rmse": "drift of class pictures",
    "place": "right place",
    "headwear": "hat when asked",
    "held": "cup when asked",
}


def difference(large, small, photos):
    """The mean difference of pairs, and three two-sided p.

    They are those of the paired t test, of Wilcoxon's signed ranks, and of the t test of one number for each choice of
    `photos`: trainings on the same photos with other seeds resemble each other.
    """
    apart = np.array(large) - np.array(small)
    means = [apart[[other == choice for other in photos]].mean() for choice in dict.fromkeys(photos)]
    by_photos = stats.ttest_1samp(means, 0).pvalue if len(means) > 1 else np.nan
    return apart.mean(), stats.ttest_rel(large, small).pvalue, stats.wilcoxon(apart).pvalue, by_photos


def compared(first, last, axes):
    """The last four cells of a row: `first` and `last` are {values of the axes: number} of the two sizes."""
    keys = sorted(last)
    small, large = [first[key] for key in keys], [last[key] for key in keys]
    if np.ptp(np.array(large) - np.array(small)) == 0:
        return [f"{large[0] - small[0]:+.3f}", "", "", ""]
    photos = [tuple(part for axis, part in zip(axes, key) if axis != "train.seed") for key in keys]
    mean, *chances = difference(large, small, photos)
    return [f"{mean:+.4f}", *(f"{p:.2g}" for p in chances)]


def by_size(rows, base):
    """A line for each score, a column for each number of photos. `base` has the scores of the base model."""
    sizes = sorted({int(row["dataset.size"]) for row in rows})
    axes = [key for key in ("dataset.images", "dataset.seed", "train.seed") if key in rows[0]]
    value = {name: {} for name in NAMES}
    for row in rows:
        key = tuple(row[axis] for axis in axes)
        for name in NAMES:
            value[name].setdefault(int(row["dataset.size"]), {})[key] = float(row[name])
    change = f"{sizes[-1]} − {sizes[0]}"
    head = [*(f"{size} photos" for size in sizes), change, "t test, p", "Wilcoxon, p", "by choice of photos, p"]
    lines = [
        f"Mean ± standard deviation over {len(value['identity'][sizes[0]])} trainings per size.\n",
        "| | base model | " + " | ".join(head) + " |\n|---|" + "---:|" * (len(head) + 1),
    ]
    for name, title in NAMES.items():
        line = [f"{base[name]:.3f}" if name in base else ""]
        for size in sizes:
            numbers = list(value[name][size].values())
            spread = f" ± {np.std(numbers, ddof=1):.3f}" if len(numbers) > 1 else ""
            line.append(f"{np.mean(numbers):.3f}{spread}")
        first, last = value[name][sizes[0]], value[name][sizes[-1]]
        if len(last) > 1:
            line += compared(first, last, axes)
        lines.append(f"| {title} | " + " | ".join(line) + " |")
    return "\n".join(lines)
