"""Stage `count`: how often the finished model shows what its prompts ask for."""

from models.sampler import Sampler
from stages.following import following


def work(run):
    if run.results.get("count"):
        return
    result = following(run, Sampler.load(run), run.settings.count_images, "final")
    for group, rows in result.items():
        for name, row in rows.items():
            hits = row.get("right", row.get("any"))
            share = hits / row["n"]
            run.folder.log(f"count {group:9} {name:15} {hits:4} of {row['n']:4} = {share:.3f}")
    run.results.finish("count", **result)
