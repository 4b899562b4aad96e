"""What is read from a store of `runner`: the pictures of every training, and the photos that belong to them."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Stored:
    """The pictures of one training: {group: [(prompt, file)]}, the photos it learnt from, those held out, and all."""

    pictures: dict
    baseline: dict
    learnt: list
    held_out: list
    photos: list


def artifacts(store, stage):
    """{key: (folder, inputs)} of every finished artifact of a stage."""
    found = {}
    for done in sorted((store / stage).glob("*/DONE")):
        manifest = json.loads((done.parent / "manifest.json").read_text())
        found[manifest["key"]] = done.parent, manifest["inputs"]
    return found


def pictures(folder):
    groups = {}
    for image in json.loads((folder / "images.json").read_text())["images"]:
        groups.setdefault(image["group"], []).append((image["prompt"], folder / image["file"]))
    return groups


def trainings(store):
    """Every training of a store whose pictures, baseline and photos are there."""
    store = Path(store)
    trained, baselines = artifacts(store, "train"), artifacts(store, "baseline")
    prepared = [(folder, set(inputs["photos"])) for folder, inputs in artifacts(store, "prepare").values()]
    generated, found = artifacts(store, "generate"), []
    for _, inputs in artifacts(store, "evaluate").values():
        if not (inputs["generate"] in generated and inputs["train"] in trained and inputs["baseline"] in baselines):
            continue
        made = trained[inputs["train"]][1]
        used = {*made["photos"], *made["held_out"]}
        for folder, hashes in prepared:
            if used <= hashes:
                file = lambda photo: folder / "photos" / f"{photo[:16]}.png"  # noqa: E731
                found.append(
                    Stored(
                        pictures(generated[inputs["generate"]][0]),
                        pictures(baselines[inputs["baseline"]][0]),
                        [file(p) for p in made["photos"]],
                        [file(p) for p in made["held_out"]],
                        [file(p) for p in sorted(hashes)],
                    )
                )
                break
    return found
