"""What is read from the folder of a `runner` report."""

import csv


def cells(report):
    """The rows of cells.csv."""
    with open(report / "cells.csv") as file:
        return list(csv.DictReader(file))


def images_of(report, cell):
    """The folder of a cell's pictures."""
    return report / "images" / cell.replace("=", "-").replace(" ", "-").replace("/", "-")


def prompts_of(report):
    """The prompts, from the table of settings in report.md."""
    for line in (report / "report.md").read_text().splitlines():
        if line.startswith("| generate.prompts |"):
            return [part.strip() for part in line.split("|")[2].replace("\\_", "_").split("; ")]
    raise SystemExit(f"{report / 'report.md'} does not list generate.prompts: is it the folder of a report?")
