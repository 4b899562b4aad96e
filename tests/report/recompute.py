"""Computes the verdict of a report again and compares it with what the report says.

    python3 recompute.py REPORT_FOLDER

It reads `trainings.csv` (what was judged) and, from `verdict.json`, the axes of the study; then it computes means,
differences, intervals, p-values, the permutation, the trend, interactions, what would settle it and the answers by
docs/verdict.md, and compares all of them with `verdict.json`,
`conditions.csv` and `differences.csv`: numbers to 1e-9, categories as words. It needs Python 3.8 and nothing else.
Exit code 0: everything is the same.
"""
import csv
import itertools
import json
import math
import os
import sys

TOLERANCE = 1e-9


# Distributions, by the incomplete beta function ---------------------------------------------------------------------

def incomplete_beta(a, b, x):
    """I_x(a, b) by Simpson's rule after x = sin²(θ), and by symmetry: slow, and another way than the program's."""
    if x <= 0 or x >= 1:
        return min(1.0, max(0.0, x))
    # ∫ 2 sin^(2a−1) cos^(2b−1) dθ over [0, asin √x], with θ = φ² where an exponent is below 1.
    scale = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b))

    def part(p, q, to):
        steps = 4000
        root = math.sqrt(to)
        h = root / steps
        total = 0.0
        for i in range(steps + 1):
            phi = i * h
            theta = phi * phi
            value = 0.0
            if i:
                value = 4 * phi * math.sin(theta) ** (2 * p - 1) * math.cos(theta) ** (2 * q - 1)
            total += value * (1 if i in (0, steps) else 4 if i % 2 else 2)
        return total * h / 3

    theta = math.asin(math.sqrt(x))
    if theta <= math.pi / 4:
        return scale * part(a, b, theta)
    return 1 - scale * part(b, a, math.pi / 2 - theta)


def two_sided(t, df):
    return incomplete_beta(df / 2, 0.5, df / (df + t * t))


QUANTILES = {}


def quantile(p, df):
    """The t that is exceeded, upwards and downwards together, with chance p."""
    if (p, df) not in QUANTILES:
        low, high = 0.0, 1.0
        while two_sided(high, df) > p:
            low, high = high, 2 * high
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if two_sided(middle, df) > p else (low, middle)
        QUANTILES[p, df] = (low + high) / 2
    return QUANTILES[p, df]


def f_tail(f, above, below):
    return incomplete_beta(below / 2, above / 2, below / (below + above * f)) if math.isfinite(f) else 0.0


def step_down(ps, most=None):
    """Holm's method. With `most` it is Shaffer's: most[i] is how many questions can be null after i differences."""
    out, top = [1.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        top = max(top, min(1.0, ps[i] * (most[rank] if most else len(ps) - rank)))
        out[i] = top
    return out


def equal_pairs(things):
    """For all pairs of things: how many can be equal after i of them were told apart. Things that are equal form
    groups, so every division into groups is tried."""
    def divisions(rest, largest):
        if rest == 0:
            yield 0
        for group in range(1, min(rest, largest) + 1):
            for pairs in divisions(rest - group, group):
                yield pairs + group * (group - 1) // 2

    possible, pairs = set(divisions(things, things)), things * (things - 1) // 2
    return [max(p for p in possible if p <= pairs - i) for i in range(pairs)]


def mean(v):
    return math.fsum(v) / len(v)


def variance(v):
    m = mean(v)
    return math.fsum((x - m) ** 2 for x in v) / (len(v) - 1)


def estimate(v):
    v = [x for x in v if x is not None]
    if not v:
        return None
    if len(v) == 1:
        return dict(n=1, mean=v[0], sd=None, low=None, high=None)
    sd = math.sqrt(variance(v))
    half = quantile(0.05, len(v) - 1) * sd / math.sqrt(len(v))
    return dict(n=len(v), mean=mean(v), sd=sd, low=mean(v) - half, high=mean(v) + half)


def solve(matrix, right):
    """Least squares of a full-rank system, by Gauss with pivots."""
    n = len(matrix)
    rows = [list(row) + [r] for row, r in zip(matrix, right)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda k: abs(rows[k][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for k in range(n):
            if k != i:
                factor = rows[k][i] / rows[i][i]
                rows[k] = [x - factor * y for x, y in zip(rows[k], rows[i])]
    return [row[-1] / row[i] for i, row in enumerate(rows)]


def chi_square(x, df):
    """The chance that a chi-square number of a whole number of degrees is below x: a finite sum."""
    if x <= 0:
        return 0.0
    # The terms half^k / Gamma(k + 1) e^-half for k = 0, 1, ... or 1/2, 3/2, ... below df / 2, as logarithms.
    half, first = x / 2, df % 2 / 2
    terms = (first + i for i in range(df // 2))
    above = math.fsum(math.exp(k * math.log(half) - math.lgamma(k + 1) - half) for k in terms)
    return (math.erf(math.sqrt(half)) if first else 1.0) - above


def power(ncp, df, alpha):
    """The chance that |t| is above its quantile when the mean is ncp: over the normal numbers z, the chance that the
    noise is below |z + ncp| / t. Simpson's rule on both sides of z = -ncp."""
    t = quantile(alpha, df)
    steps, total = 4000, 0.0
    middle = min(12.0, max(-12.0, -ncp))
    for low, high in ((-12.0, middle), (middle, 12.0)):
        h = (high - low) / steps
        for i in range(steps + 1):
            z = low + i * h
            value = math.exp(-z * z / 2) * chi_square(df * ((z + ncp) / t) ** 2, df)
            total += value * (1 if i in (0, steps) else 4 if i % 2 else 2) * h / 3
    return total / math.sqrt(2 * math.pi)


class SplitMix64:
    """The random numbers of the permutation, as docs/verdict.md describes them."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        mask = 2 ** 64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return ((z ^ (z >> 31)) * n) >> 64

    def shuffle(self, items):
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


class Study:
    def __init__(self, folder):
        with open(os.path.join(folder, "verdict.json"), encoding="utf-8") as file:
            self.report = json.load(file)
        with open(os.path.join(folder, "trainings.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.sign = 1.0 if self.report["direction"] == "higher" else -1.0
        self.C, self.R = len(self.report["conditions"]), self.report["repeats"]
        self.levels = [c["levels"] for c in self.report["conditions"]]
        self.axes = self.report["axes"]
        self.y = [[None] * self.R for _ in range(self.C)]
        self.floor = [[None] * self.R for _ in range(self.C)]
        self.diverged = [0] * self.C
        number = lambda text: float(text) if text not in ("", "NaN", "inf", "-inf") else None
        for row in rows:
            c, r = int(row["condition"]), int(row["repeat"])
            self.y[c][r], self.floor[c][r] = number(row["score"]), number(row["floor"])
            self.diverged[c] += int(row["diverged"])
        self.fit()

    def fit(self):
        """y[c][r] = a[c] + b[r] + e by least squares: one column for each condition and repeat, fixed to 0 for the
        first condition of each part of the study that shares repeats."""
        cells = [(c, r) for c in range(self.C) for r in range(self.R) if self.y[c][r] is not None]
        self.part = list(range(self.C))
        for r in range(self.R):
            here = {self.part[c] for c in range(self.C) if self.y[c][r] is not None}
            self.part = [min(here) if p in here else p for p in self.part]
        with_scores = [c for c in range(self.C) if any(x is not None for x in self.y[c])]
        self.scored = with_scores
        self.free = [c for c in with_scores if any(self.part[d] == self.part[c] for d in with_scores if d < c)]
        repeats = [r for r in range(self.R) if any(row[r] is not None for row in self.y)]
        columns = [("c", c) for c in self.free] + [("r", r) for r in repeats]
        place = {column: i for i, column in enumerate(columns)}
        normal = [[0.0] * len(columns) for _ in columns]
        right = [0.0] * len(columns)
        for c, r in cells:
            used = [place[k] for k in (("c", c), ("r", r)) if k in place]
            for i in used:
                right[i] += self.y[c][r]
                for j in used:
                    normal[i][j] += 1
        self.normal, self.place = normal, place
        solved = solve(normal, right) if columns else []
        self.effect = [solved[place["c", c]] if ("c", c) in place else 0.0 for c in range(self.C)]
        rest = [self.y[c][r] - self.effect[c] - solved[place["r", r]] for c, r in cells]
        self.df = len(cells) - len(columns)
        self.s2 = math.fsum(e * e for e in rest) / self.df if self.df > 0 else None
        largest = max((abs(self.y[c][r]) for c, r in cells), default=0.0)
        present = [[x for x in row if x is not None] for row in self.y]
        spread = [(variance(p), len(p) - 1) for p in present if len(p) > 1]
        self.variances = None
        if len(spread) > 1 and max(spread)[0] > 0:
            big, small = max(spread, key=lambda v: v[0]), min(spread, key=lambda v: v[0])
            tail = f_tail(big[0] / small[0] if small[0] else math.inf, big[1], small[1])
            self.variances = dict(largest=big[0], smallest=small[0], p=min(1.0, len(spread) * (len(spread) - 1) * tail))
        if not with_scores:
            self.method = "nothing"
        elif len(with_scores) == 1:
            self.method = "one_condition"
        elif self.s2 is None:
            self.method = "one_training"
        elif math.sqrt(self.s2) <= 1e-9 * largest:
            self.method = "no_noise"
        else:
            self.method = "pooled"

    def contrast(self, w):
        """The sum of w[c] times condition c: (estimate, standard error, degrees of freedom); None if not determined."""
        used = [c for c in range(self.C) if w[c] != 0]
        if any(c not in self.scored for c in used):
            return None
        for part in set(self.part):
            if abs(sum(w[c] for c in used if self.part[c] == part)) > 1e-9:
                return None
        value = math.fsum(w[c] * self.effect[c] for c in used)
        if self.method != "pooled":
            return value, None, None
        full = [0.0] * len(self.normal)
        for c in used:
            if ("c", c) in self.place:
                full[self.place["c", c]] = w[c]
        pooled = self.s2 * math.fsum(x * y for x, y in zip(full, solve(self.normal, full)))
        inside = [math.fsum(w[c] * self.y[c][r] for c in used) for r in range(self.R)
                  if all(self.y[c][r] is not None for c in used)]
        own = variance(inside) / len(inside) if len(inside) > 1 else 0.0
        return value, math.sqrt(max(pooled, math.sqrt(pooled * own))), self.df

    def difference(self, first, second, w):
        got = self.contrast(w)
        if got is None:
            return None
        value, se, df = got
        out = dict(first=first, second=second, estimate=value, se=se, df=df, low=None, high=None, p=None, p_holm=None,
                   call="unknown")
        if se is not None:
            half = quantile(0.05, df) * se
            out.update(low=value - half, high=value + half, p=two_sided(value / se, df))
        return out

    def call(self, value, p):
        if p is None:
            return "unknown"
        if p <= 0.05 and value:
            return "better" if value * self.sign > 0 else "worse"
        return "not_clear"

    def corrected(self, items, things=None):
        """Corrects one family of (entry, value); `things` if it is all pairs of that many things."""
        known = [(item, value) for item, value in items if item["p"] is not None]
        most = equal_pairs(things) if things and len(known) == things * (things - 1) // 2 else None
        for (item, value), p in zip(known, step_down([item["p"] for item, _ in known], most)):
            item["p_holm"], item["call"] = p, self.call(value, p)

    def gains(self):
        changes = [[y - f if y is not None and f is not None else None for y, f in zip(row, floor)]
                   for row, floor in zip(self.y, self.floor)]
        common = None
        full = self.C > 1 and self.R > 1 and all(x is not None for row in changes for x in row)
        if self.method == "pooled" and full:
            # One variance for all conditions; Satterthwaite's degrees of freedom, as conditions share their repeats.
            v = mean([variance(row) for row in changes])
            between = self.C * variance([mean([row[r] for row in changes]) for r in range(self.R)])
            noise = (self.C * v - between) / (self.C - 1)
            df = (self.C * v) ** 2 * (self.R - 1) / (between ** 2 + (self.C - 1) * noise ** 2)
            common = v, df
        out = []
        for row in changes:
            change = estimate(row)
            if change is None:
                out.append(None)
                continue
            df = change["n"] - 1 if change["sd"] is not None else None
            p = None
            if common:
                v, df = common
                v = max(v, change["sd"] ** 2)
                se = math.sqrt(v / change["n"])
                half = quantile(0.05, df) * se
                change.update(sd=math.sqrt(v), low=change["mean"] - half, high=change["mean"] + half)
                p = two_sided(change["mean"] / se, df)
            elif change["sd"]:
                p = two_sided(change["mean"] / (change["sd"] / math.sqrt(change["n"])), df)
            out.append(dict(change=change, df=df, p=p, p_holm=None, call="unknown"))
        return out

    def weights(self, wanted):
        has = [all(levels[a] == v for a, v in wanted.items()) for levels in self.levels]
        return [1 / sum(has) if h else 0.0 for h in has]

    def complete(self):
        combinations = {tuple(levels) for levels in self.levels}
        return len(combinations) == self.C == math.prod(a["levels"] for a in self.axes)

    def enough(self, levels, span):
        if levels is None or len(levels) < 2:
            return dict(answer="not_asked")
        if self.method != "pooled":
            return dict(answer="one_training")
        if span is None:
            return dict(answer="no_span")
        minus = lambda a, b: [x - y for x, y in zip(a, b)]
        for k, own in enumerate(levels):
            bounds = []
            for other, weights in enumerate(levels):
                got = self.contrast(minus(weights, own)) if other != k else None
                if got and got[1] is not None:
                    ahead = got[0] * self.sign
                    bounds.append((other, ahead / span, (ahead + quantile(0.10, got[2]) * got[1]) / span))
            if len(bounds) + 1 < len(levels):
                continue
            than, behind, at_most = max(bounds, key=lambda b: b[2])
            if at_most > 0.1:
                continue
            if k + 1 < len(levels):
                return dict(answer="size", level=k, than=than, behind=behind, at_most=at_most)
            value, se, df = self.contrast(minus(levels[-1], levels[-2]))
            p = two_sided(value / se, df) * len(levels) * (len(levels) - 1) / 2
            if self.call(value, p) == "better":
                return dict(answer="more_may_help", level=k)
            return dict(answer="not_clear")
        return dict(answer="not_clear")

    def trend(self, levels, sizes):
        if levels is None or len(levels) < 3:
            return None
        x = [math.log2(s) for s in sizes]
        x = [v - mean(x) for v in x]
        squares = math.fsum(v * v for v in x)
        got = self.contrast([math.fsum(v / squares * w[c] for v, w in zip(x, levels)) for c in range(self.C)])
        if got is None:
            return None
        value, se, df = got
        if se is None:
            return dict(per_doubling=value, low=None, high=None, p=None)
        half = quantile(0.05, df) * se
        return dict(per_doubling=value, low=value - half, high=value + half, p=two_sided(value / se, df))

    def effects(self):
        if len(self.axes) < 2 or not self.complete():
            return None
        out = []
        for a, axis in enumerate(self.axes):
            w = [self.weights({a: level}) for level in range(axis["levels"])]
            pairs = itertools.combinations(range(axis["levels"]), 2)
            found = [self.difference(p, q, [x - y for x, y in zip(w[p], w[q])]) for p, q in pairs]
            # A condition without a score: there is no mean over the other axes.
            if None in found:
                return None
            self.corrected([(d, d["estimate"]) for d in found])
            out.append(dict(axis=a, differences=found, range=max(abs(d["estimate"]) for d in found)))
        return out

    def interactions(self):
        if len(self.axes) < 2 or not self.complete():
            return None
        found = []
        for a, b in itertools.combinations(range(len(self.axes)), 2):
            for values in itertools.combinations(range(self.axes[a]["levels"]), 2):
                for by in itertools.combinations(range(self.axes[b]["levels"]), 2):
                    at = [[x - y for x, y in zip(*(self.weights({a: v, b: level}) for v in values))] for level in by]
                    change = self.difference(0, 1, [x - y for x, y in zip(*at)])
                    if change is None or change["p"] is None:
                        continue
                    found.append(dict(axis=a, values=list(values), by=b, by_values=list(by), p=change["p"],
                                      at=[self.contrast(w)[0] * self.sign for w in at]))
        for entry, p in zip(found, step_down([entry.pop("p") for entry in found])):
            entry["p_holm"] = p
        turned = sorted((e for e in found if e["p_holm"] <= 0.05 and e["at"][0] * e["at"][1] < 0),
                        key=lambda e: e["p_holm"])
        named = {}
        for entry in turned:
            named.setdefault((entry["axis"], entry["by"]), entry)
        return list(named.values())

    def omnibus(self):
        repeats = []
        for r in range(self.R):
            here = [c for c in range(self.C) if self.y[c][r] is not None]
            if len(here) > 1:
                middle = mean([self.y[c][r] for c in here])
                repeats.append((here, [self.y[c][r] - middle for c in here]))
        if len(repeats) < 2:
            return None
        count = [sum(c in here for here, _ in repeats) for c in range(self.C)]

        def statistic(orders):
            sums = [0.0] * self.C
            for (here, _), values in zip(repeats, orders):
                for c, value in zip(here, values):
                    sums[c] += value
            return math.fsum(s * s / n for s, n in zip(sums, count) if n)

        observed = statistic([values for _, values in repeats])
        close = 1e-9 * math.fsum(v * v for _, values in repeats for v in values)
        tried = math.prod(math.factorial(len(here)) for here, _ in repeats)
        if tried <= 100_000:
            every = [statistic(o) for o in itertools.product(*(itertools.permutations(v) for _, v in repeats))]
            return dict(p=sum(s >= observed - close for s in every) / tried,
                        smallest=sum(s >= max(every) - close for s in every) / tried, tried=tried, exact=True)
        random, orders, good = SplitMix64(20), [list(values) for _, values in repeats], 1
        for _ in range(19_999):
            for order in orders:
                random.shuffle(order)
            good += statistic(orders) >= observed - close
        return dict(p=good / 20_000, smallest=1 / 20_000, tried=20_000, exact=False)

    def settle(self, best, calls_of_best, span):
        open_ = [d for d, call in calls_of_best if call == "not_clear"]
        if best is None or not open_:
            return None
        d = min(open_, key=lambda d: abs(d["estimate"]))
        wanted = max(abs(d["estimate"]), 0.1 * span if span else 0.0)
        alpha = 0.05 / self.family

        def chance(repeats):
            df = (len(self.scored) - 1) * (repeats - 1) if repeats != self.R else d["df"]
            return power(wanted / (d["se"] * math.sqrt(self.R / repeats)), df, alpha)

        low, high = self.R + 1, 30
        enough = low <= high and chance(high) >= 0.8
        while enough and low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if chance(middle) >= 0.8 else (middle + 1, high)
        return dict(best=best, other=d["second"] if d["first"] == best else d["first"], difference=wanted,
                    half_width=quantile(0.05, d["df"]) * d["se"], power=chance(self.R), repeats=low if enough else None)

    def verdict(self):
        pairs = itertools.combinations(range(self.C), 2)
        unit = lambda a, b: [float(c == a) - float(c == b) for c in range(self.C)]
        differences = [d for a, b in pairs for d in [self.difference(a, b, unit(a, b))] if d]
        gains = self.gains()
        # One family: all pairs, and each condition against the base model. With all scores there, and one floor for
        # each repeat, these are all pairs of the conditions and the base model.
        whole = all(x is not None for row in self.y + self.floor for x in row)
        things = self.C + 1 if whole and all(floor == self.floor[0] for floor in self.floor) else None
        family = [(d, d["estimate"]) for d in differences] + [(g, g["change"]["mean"]) for g in gains if g]
        self.corrected(family, things)
        self.family = sum(item["p"] is not None for item, _ in family)
        ahead = {}
        for c in self.scored:
            own = [d["estimate"] * self.sign * (1 if d["first"] == c else -1)
                   for d in differences if c in (d["first"], d["second"])]
            # Of equal ones the first counts; the least squares of this script are off by less than 1e-12.
            ahead[c] = (len(own), round(math.fsum(own) / max(1, len(own)), 12), -c)
        best = max(ahead, key=ahead.get) if ahead else None
        span = self.report["span"]
        if span is None and best is not None and gains[best] and gains[best]["call"] in ("better", "unknown"):
            span = gains[best]["change"]["mean"] * self.sign
        span = span if span and span > 0 else None
        sizes = next((i for i, a in enumerate(self.axes) if a["levels"] > 1 and len(a["sizes"]) == a["levels"]), None)
        order, levels, numbers = [], None, []
        if sizes is not None:
            order = sorted(range(self.axes[sizes]["levels"]), key=lambda i: self.axes[sizes]["sizes"][i])
            numbers = [self.axes[sizes]["sizes"][i] for i in order]
            levels = [self.weights({sizes: i}) for i in order] if self.complete() else None
        turned = dict(better="worse", worse="better")
        calls_of_best = [(d, d["call"] if d["first"] == best else turned.get(d["call"], d["call"]))
                         for d in differences if best in (d["first"], d["second"])]
        of_best = [call for _, call in calls_of_best]
        effects = self.effects()
        clear = len(self.scored) > 1 and len(of_best) + 1 == len(self.scored) and set(of_best) == {"better"}
        return dict(
            method=self.method, variances=self.variances, differences=differences, best=best, best_is_clear=clear,
            noise=dict(sd=math.sqrt(self.s2), df=self.df) if self.s2 is not None else None, span=span, sizes=sizes,
            order=order, enough=self.enough(levels, span), trend=self.trend(levels, numbers), effects=effects,
            interactions=self.interactions() if effects is not None else None, omnibus=self.omnibus(),
            settle=self.settle(best, calls_of_best, span),
            conditions=[dict(n=sum(x is not None for x in row), diverged=diverged, score=estimate(row), gain=gain,
                             share=gain["change"]["mean"] * self.sign / span if gain and span else None)
                        for row, diverged, gain in zip(self.y, self.diverged, gains)])


def compare(place, found, said, faults):
    if isinstance(found, dict) and isinstance(said, dict):
        for name in found:
            compare(f"{place}.{name}", found[name], said.get(name), faults)
    elif isinstance(found, list) and isinstance(said, list) and len(found) == len(said):
        for i, (a, b) in enumerate(zip(found, said)):
            compare(f"{place}[{i}]", a, b, faults)
    elif isinstance(found, (int, float)) and isinstance(said, (int, float)):
        if abs(found - said) > TOLERANCE * max(1.0, abs(said)):
            faults.append(f"{place}: computed {found}, the report says {said}")
    elif found != said:
        faults.append(f"{place}: computed {found}, the report says {said}")


def tables(folder, verdict, faults):
    """The CSV tables say what verdict.json says."""
    def rows(name):
        with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def field(text):
        try:
            return float(text)
        except ValueError:
            return text.replace(" ", "_") or None

    get = lambda of, *names: get(of.get(names[0]), *names[1:]) if names and of else of
    for c, (row, v) in enumerate(zip(rows("conditions.csv"), verdict["conditions"])):
        wanted = dict(n=v["n"], diverged=v["diverged"], mean=get(v, "score", "mean"), low=get(v, "score", "low"),
                      high=get(v, "score", "high"), change=get(v, "gain", "change", "mean"),
                      change_low=get(v, "gain", "change", "low"), change_high=get(v, "gain", "change", "high"),
                      p_holm=get(v, "gain", "p_holm"), share=v["share"])
        for name, value in wanted.items():
            compare(f"conditions.csv[{c}].{name}", value, field(row[name]), faults)
    for i, (row, d) in enumerate(zip(rows("differences.csv"), verdict["differences"])):
        names = dict(first="first", second="second", difference="estimate", se="se", df="df", low="low", high="high",
                     p="p", p_holm="p_holm")
        for name, of in names.items():
            compare(f"differences.csv[{i}].{name}", d[of], field(row[name]), faults)
        said = "unknown" if row["first_is"] == "" else row["first_is"].replace(" ", "_")
        compare(f"differences.csv[{i}].first_is", d["call"], said, faults)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    study = Study(sys.argv[1])
    computed = study.verdict()
    said = dict(study.report["verdict"])
    for name in ("effects", "interactions"):
        said[name] = said["axes"][name] if said.get("axes") else None
    faults = []
    compare("verdict", computed, said, faults)
    tables(sys.argv[1], computed, faults)
    for fault in faults:
        print(fault)
    if faults:
        sys.exit(f"{len(faults)} numbers or answers differ.")
    conditions, differences = len(computed["conditions"]), len(computed["differences"])
    print(f"{conditions} conditions, {differences} differences: everything is the same.")


main()
