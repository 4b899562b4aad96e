"""The tables of the model card, from the results of the stages. Whoever ships the model writes the words."""


def card(numbers, weights):
    """Markdown. `numbers` are the results of all stages, `weights` the bytes of all files of weights."""
    v, u, p = numbers["vae"], numbers["unet"], numbers["probes"]
    size = f"{weights / 1e6:.1f} MB (float16)"
    lines = [f"Weights: {size}. VAE {v['psnr']:.2f} dB on held-out renders, heads {v['psnr_heads']:.2f} dB.", ""]
    lines += [f"UNet: {u['images']} pictures in {u['seconds'] / 60:.0f} min ({u['images_per_second']:.1f}/s).", ""]
    lines += counts(numbers["count"]) + recalls(p)
    lines += [
        "",
        f"Identity: AUC {p['identity_auc']['all']:.4f} on people nobody trained on; like the subject: {p['subject']}.",
    ]
    if "tags" in numbers:
        words = numbers["tags"]["recall_when_mentioned"]
        told = ", ".join(f"{name} {r:.3f}" for name, r in words.items())
        lines += ["", f"Text encoder, recall when mentioned: {told}."]
    return "\n".join(lines) + "\n"


def counts(count):
    rate = lambda name, hits, n: f"| {name} | {hits / n:.1%} | {n} |"  # noqa: E731
    lines = ["| asked for | right | of |", "|---|---|---|"]
    lines += [rate(name, row["right"], row["n"]) for name, row in count["asked"].items()]
    lines += ["", "| not asked for | shown all the same | of |", "|---|---|---|"]
    return lines + [rate(name, row["any"], row["n"]) for name, row in count["not_asked"].items()]


def recalls(probes):
    heads = "| probe | recall on renders | false alarms | recall on round trips | false alarms |"
    lines = ["", heads, "|---|---|---|---|---|"]
    for name, row in probes["renders"].items():
        back = probes["round_trips"][name]
        columns = row["recall"], row["false_alarms"], back["recall"], back["false_alarms"]
        lines.append(f"| {name} | " + " | ".join("" if x is None else f"{x:.3f}" for x in columns) + " |")
    return lines
