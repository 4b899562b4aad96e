"""The results of a run as one tar, cut into parts that fit a transfer: cat toyworld.tar.* | tar x"""

import tarfile

# Bytes of a part.
PART = 15 * 1024 * 1024
RESULTS = ["done", "log.txt", "run.json", "sheets", "probes", "export", "export_clip", "export_dino"]
# The weights that `export` has in float16 travel in float32 only together with the checkpoints.
STATE = ["vae", "text_encoder", "text", "clip", "unet", "checkpoints"]


def pack(run, folder, with_state):
    """Packs the run's folder `run` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = folder / "toyworld.tar"
    with tarfile.open(whole, "w") as tar:
        for name in RESULTS + (STATE if with_state else []):
            if (run / name).exists():
                tar.add(run / name, name)
    with open(whole, "rb") as file:
        for number, part in enumerate(iter(lambda: file.read(PART), b"")):
            (folder / f"toyworld.tar.{number:02}").write_bytes(part)
    whole.unlink()
