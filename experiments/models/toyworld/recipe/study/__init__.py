"""How a `runner` report is scored with the probes, and how its differences are tested."""
