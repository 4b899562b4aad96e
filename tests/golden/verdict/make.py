"""Expected numbers of the verdict, computed from its law (docs/verdict.md) alone, with other means than the program:
least squares with dummy columns, scipy's distributions, permutations by itertools.

    /tmp/t18/venv/bin/python tests/golden/verdict/make.py > tests/golden/verdict/verdict.json

Made with Python 3.11, numpy 2.4.6, scipy 1.17.1.
"""
import itertools
import json
import math
import pathlib
import sys

import numpy as np
from scipy import stats

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
from splitmix import SplitMix  # noqa: E402


def sign(case):
    return 1.0 if case["direction"] == "higher" else -1.0


def holm(ps, most=None):
    """Holm's method; with `most` Shaffer's: at most `most[i]` questions are null after i differences."""
    order = np.argsort(ps, kind="stable")
    out, top = [1.0] * len(ps), 0.0
    for rank, i in enumerate(order):
        top = max(top, min(1.0, (most[rank] if most else len(ps) - rank) * ps[i]))
        out[i] = top
    return out


def partitions(n, largest=None):
    """All ways to write n as a sum."""
    if n == 0:
        yield []
    for first in range(min(n, largest or n), 0, -1):
        for rest in partitions(n - first, first):
            yield [first] + rest


def shaffer(things):
    """For all pairs of things: how many can be equal if i are known not to be."""
    equal = {sum(math.comb(group, 2) for group in groups) for groups in partitions(things)}
    pairs = math.comb(things, 2)
    return [max(e for e in equal if e <= pairs - i) for i in range(pairs)]


def call(estimate, p, s):
    if p is None:
        return "unknown"
    if p <= 0.05 and estimate != 0:
        return "better" if estimate * s > 0 else "worse"
    return "not_clear"


def estimate(values):
    v = np.array([x for x in values if x is not None and math.isfinite(x)])
    if len(v) == 0:
        return None
    if len(v) == 1:
        return dict(n=1, mean=float(v[0]), sd=None, low=None, high=None)
    sd = v.std(ddof=1)
    half = stats.t.ppf(0.975, len(v) - 1) * sd / math.sqrt(len(v))
    return dict(n=len(v), mean=float(v.mean()), sd=float(sd), low=float(v.mean() - half), high=float(v.mean() + half))


class Study:
    def __init__(self, case):
        self.case = case
        rows = [c["scores"] for c in case["conditions"]]
        self.R = max(map(len, rows))
        finite = lambda x: x if x is not None and math.isfinite(x) else None
        self.y = [[finite(x) for x in r] + [None] * (self.R - len(r)) for r in rows]
        self.C = len(rows)
        cells = [(c, r) for c in range(self.C) for r in range(self.R) if self.y[c][r] is not None]
        self.cells = cells
        design = np.zeros((len(cells), self.C + self.R))
        for i, (c, r) in enumerate(cells):
            design[i, c] = design[i, self.C + r] = 1
        self.values = np.array([self.y[c][r] for c, r in cells])
        self.pinv = np.linalg.pinv(design.T @ design)
        self.coef = self.pinv @ design.T @ self.values
        rank = np.linalg.matrix_rank(design) if len(cells) else 0
        self.df = len(cells) - int(rank)
        residuals = self.values - design @ self.coef
        self.s2 = float(residuals @ residuals) / self.df if self.df > 0 else None
        self.estimable = lambda w: np.allclose(
            np.linalg.lstsq(design.T, np.concatenate([w, np.zeros(self.R)]), rcond=None)[0] @ design,
            np.concatenate([w, np.zeros(self.R)]), atol=1e-8)
        present = [[x for x in row if x is not None] for row in self.y]
        self.variances = None
        vs = [(float(np.var(p, ddof=1)), len(p) - 1) for p in present if len(p) > 1]
        if len(vs) > 1 and max(vs)[0] > 0:
            big, small = max(vs, key=lambda v: v[0]), min(vs, key=lambda v: v[0])
            tail = stats.f.sf(big[0] / small[0], big[1], small[1]) if small[0] > 0 else 0.0
            p = min(1.0, len(vs) * (len(vs) - 1) * tail)
            self.variances = dict(largest=big[0], smallest=small[0], p=p)
        with_scores = sum(bool(p) for p in present)
        if with_scores == 0:
            self.method = "nothing"
        elif with_scores == 1:
            self.method = "one_condition"
        elif self.s2 is None:
            self.method = "one_training"
        elif math.sqrt(self.s2) <= 1e-9 * np.abs(self.values).max():
            self.method = "no_noise"
        else:
            self.method = "pooled"

    def contrast(self, w):
        """(estimate, se, df)"""
        w = np.array(w, float)
        if any(w[c] != 0 and all(x is None for x in self.y[c]) for c in range(self.C)) or not self.estimable(w):
            return None
        full = np.concatenate([w, np.zeros(self.R)])
        value = float(full @ self.coef)
        if self.method != "pooled":
            return value, None, None
        pooled = self.s2 * float(full @ self.pinv @ full)
        d = []
        for r in range(self.R):
            column = [(w[c], self.y[c][r]) for c in range(self.C) if w[c] != 0]
            if all(x is not None for _, x in column):
                d.append(sum(a * x for a, x in column))
        own = float(np.var(d, ddof=1)) / len(d) if len(d) >= 2 else 0.0
        return value, math.sqrt(max(pooled, math.sqrt(pooled * own))), self.df

    def difference(self, first, second, w):
        got = self.contrast(w)
        if got is None:
            return None
        est, se, df = got
        out = dict(first=first, second=second, estimate=est, se=se, df=df, low=None, high=None, p=None, p_holm=None,
                   call="unknown")
        if se is not None:
            half = stats.t.ppf(0.975, df) * se
            out.update(low=est - half, high=est + half, p=float(2 * stats.t.sf(abs(est) / se, df)))
        return out

    def corrected(self, ds):
        ds = [d for d in ds if d is not None]
        known = [d for d in ds if d["p"] is not None]
        for d, p in zip(known, holm([d["p"] for d in known])):
            d["p_holm"] = p
            d["call"] = call(d["estimate"], p, sign(self.case))
        return ds

    def unit(self, a, b):
        w = [0.0] * self.C
        w[a], w[b] = 1.0, -1.0
        return w

    def differences(self):
        pairs = itertools.combinations(range(self.C), 2)
        found = [self.difference(a, b, self.unit(a, b)) for a, b in pairs]
        return [d for d in found if d is not None]

    def omnibus(self):
        repeats = []
        for r in range(self.R):
            here = [c for c in range(self.C) if self.y[c][r] is not None]
            if len(here) > 1:
                v = np.array([self.y[c][r] for c in here])
                repeats.append((here, v - v.mean()))
        if len(repeats) < 2:
            return None
        n = [sum(c in here for here, _ in repeats) for c in range(self.C)]

        def statistic(orders):
            sums = np.zeros(self.C)
            for (here, _), v in zip(repeats, orders):
                for c, x in zip(here, v):
                    sums[c] += x
            return sum(s * s / k for s, k in zip(sums, n) if k)

        observed = statistic([v for _, v in repeats])
        close = 1e-9 * sum(float(v @ v) for _, v in repeats)
        tried = math.prod(math.factorial(len(here)) for here, _ in repeats)
        if tried <= 100_000:
            all_ = np.array([statistic(o) for o in itertools.product(*[itertools.permutations(v) for _, v in repeats])])
            return dict(p=float(np.mean(all_ >= observed - close)), smallest=float(np.mean(all_ >= all_.max() - close)),
                        tried=tried, exact=True)
        random, orders, good = SplitMix(20), [list(v) for _, v in repeats], 0
        for _ in range(19_999):
            for o in orders:
                random.shuffle(o)
            good += statistic(orders) >= observed - close
        return dict(p=(good + 1) / 20_000, smallest=1 / 20_000, tried=20_000, exact=False)

    def gains(self):
        s = sign(self.case)
        rows = []
        for row, c in zip(self.y, self.case["conditions"]):
            floor = c.get("floor") or []
            floor = list(floor) + [None] * (self.R - len(floor))
            rows.append([y - f if y is not None and f is not None else None for y, f in zip(row, floor)])
        full = all(x is not None for row in rows for x in row) and self.C > 1 and self.R > 1
        common = None
        if self.method == "pooled" and full:
            g = np.array(rows)
            variance = float(g.var(axis=1, ddof=1).mean())
            ms_b = self.C * float(g.mean(axis=0).var(ddof=1))
            res = g - g.mean(1, keepdims=True) - g.mean(0, keepdims=True) + g.mean()
            s2 = float((res ** 2).sum()) / ((self.C - 1) * (self.R - 1))
            # Satterthwaite for V = MS_b / C + (C − 1) / C s²
            a, b = ms_b / self.C, (self.C - 1) / self.C * s2
            common = variance, (a + b) ** 2 / (a * a / (self.R - 1) + b * b / ((self.C - 1) * (self.R - 1)))
        out = []
        for row in rows:
            e = estimate(row)
            if e is None:
                out.append(None)
                continue
            df, p = (e["n"] - 1 if e["sd"] is not None else None), None
            if common:
                v, df = common
                v = max(v, e["sd"] ** 2)
                se = math.sqrt(v / e["n"])
                half = stats.t.ppf(0.975, df) * se
                e.update(sd=math.sqrt(v), low=e["mean"] - half, high=e["mean"] + half)
                p = float(2 * stats.t.sf(abs(e["mean"]) / se, df))
            elif e["sd"] is not None and e["sd"] > 0:
                p = float(2 * stats.t.sf(abs(e["mean"]) / (e["sd"] / math.sqrt(e["n"])), df))
            out.append(dict(change=e, df=df, p=p, p_holm=None, call="unknown"))
        return out

    def best(self, differences):
        s = sign(self.case)
        key = {}
        for c in range(self.C):
            if all(x is None for x in self.y[c]):
                continue
            pairs = [d for d in differences if c in (d["first"], d["second"])]
            own = [d["estimate"] * s if d["first"] == c else -d["estimate"] * s for d in pairs]
            key[c] = (len(own), sum(own) / max(1, len(own)))
        return max(key, key=lambda c: (key[c], -c)) if key else None

    def level_weights(self, axis):
        axes, conditions = self.case["axes"], self.case["conditions"]
        combos = {tuple(c["levels"]) for c in conditions}
        if len(combos) != len(conditions) or len(combos) != math.prod(a["levels"] for a in axes):
            return None
        return [self.mean_of({axis: level}) for level in range(axes[axis]["levels"])]

    def mean_of(self, wanted):
        has = [all(c["levels"][a] == v for a, v in wanted.items()) for c in self.case["conditions"]]
        return np.array([1.0 / sum(has) if h else 0.0 for h in has])

    def verdict(self):
        s = sign(self.case)
        ds, gains = self.differences(), self.gains()
        # One family: all pairs, and each condition against the base model.
        family = [(d, d["estimate"]) for d in ds if d["p"] is not None]
        family += [(g, g["change"]["mean"]) for g in gains if g and g["p"] is not None]
        floors = [c["floor"] for c in self.case["conditions"]]
        whole = all(x is not None for row in self.y for x in row)
        whole = whole and all(len(f) == self.R and None not in f and f == floors[0] for f in floors)
        most = shaffer(self.C + 1) if whole and len(family) == math.comb(self.C + 1, 2) else None
        for (item, value), p in zip(family, holm([item["p"] for item, _ in family], most)):
            item["p_holm"], item["call"] = p, call(value, p, s)
        best = self.best(ds)
        span = self.case.get("span")
        if span is None and best is not None and gains[best] and gains[best]["call"] in ("better", "unknown"):
            span = gains[best]["change"]["mean"] * s
        span = span if span is not None and span > 0 else None
        compared = sum(any(x is not None for x in row) for row in self.y)

        def call_for(d, c):
            turned = dict(better="worse", worse="better")
            return d["call"] if d["first"] == c else turned.get(d["call"], d["call"]) if d["second"] == c else None

        own = [call_for(d, best) for d in ds if best in (d["first"], d["second"])]
        clear = compared > 1 and len(own) + 1 == compared and all(c == "better" for c in own)
        axes = self.case["axes"]
        sizes = next((i for i, a in enumerate(axes) if a["levels"] > 1 and len(a["sizes"]) == a["levels"]), None)
        order, levels = [], None
        if sizes is not None:
            order = sorted(range(axes[sizes]["levels"]), key=lambda i: axes[sizes]["sizes"][i])
            levels = self.level_weights(sizes)
            levels = [levels[i] for i in order] if levels is not None else None
        noise = dict(sd=math.sqrt(self.s2), df=self.df) if self.s2 is not None else None
        return dict(
            method=self.method, noise=noise, variances=self.variances, differences=ds, omnibus=self.omnibus(),
            best=best, best_is_clear=clear, span=span, sizes=sizes, order=order, enough=self.enough(levels, span),
            trend=self.trend(levels, order, sizes), settle=self.settle(ds, best, compared, span, call_for, len(family)),
            axes=self.axes(),
            conditions=[dict(n=sum(x is not None for x in row), diverged=c.get("diverged", 0), score=estimate(row),
                             gain=g, share=g["change"]["mean"] * s / span if g and span else None)
                        for row, c, g in zip(self.y, self.case["conditions"], gains)])

    def enough(self, levels, span):
        if levels is None or len(levels) < 2:
            return dict(answer="not_asked")
        if self.method != "pooled":
            return dict(answer="one_training")
        if span is None:
            return dict(answer="no_span")
        s = sign(self.case)
        for k in range(len(levels)):
            bounds = []
            for other in range(len(levels)):
                if other != k:
                    got = self.contrast(levels[other] - levels[k])
                    if got is None or got[1] is None:
                        bounds = None
                        break
                    ahead = got[0] * s
                    bounds.append((other, ahead / span, (ahead + stats.t.ppf(0.95, got[2]) * got[1]) / span))
            if bounds is None:
                continue
            than, behind, most = max(bounds, key=lambda b: b[2])
            if most <= 0.1:
                if k + 1 < len(levels):
                    return dict(answer="size", level=k, than=than, behind=behind, at_most=most)
                est, se, df = self.contrast(levels[-1] - levels[-2])
                pairs = len(levels) * (len(levels) - 1) // 2
                p = 2 * stats.t.sf(abs(est) / se, df) * pairs
                if call(est, p, s) == "better":
                    return dict(answer="more_may_help", level=k)
                return dict(answer="not_clear")
        return dict(answer="not_clear")

    def trend(self, levels, order, sizes):
        if levels is None or len(levels) < 3:
            return None
        x = np.log2([self.case["axes"][sizes]["sizes"][i] for i in order])
        x = x - x.mean()
        got = self.contrast(sum(v / float(x @ x) * w for v, w in zip(x, levels)))
        if got is None:
            return None
        est, se, df = got
        if se is None:
            return dict(per_doubling=est, low=None, high=None, p=None)
        half = stats.t.ppf(0.975, df) * se
        return dict(per_doubling=est, low=est - half, high=est + half, p=float(2 * stats.t.sf(abs(est) / se, df)))

    def axes(self):
        axes = self.case["axes"]
        if len(axes) < 2 or self.level_weights(0) is None:
            return None
        effects = []
        for i, a in enumerate(axes):
            w = self.level_weights(i)
            pairs = itertools.combinations(range(a["levels"]), 2)
            ds = self.corrected([self.difference(p, q, w[p] - w[q]) for p, q in pairs])
            effects.append(dict(axis=i, differences=ds, range=max((abs(d["estimate"]) for d in ds), default=0.0)))
        found, s = [], sign(self.case)
        for a, b in itertools.combinations(range(len(axes)), 2):
            for p, q in itertools.combinations(range(axes[a]["levels"]), 2):
                for k, l in itertools.combinations(range(axes[b]["levels"]), 2):
                    at = [self.mean_of({a: p, b: v}) - self.mean_of({a: q, b: v}) for v in (k, l)]
                    d = self.difference(0, 1, at[0] - at[1])
                    if d is None or d["p"] is None:
                        continue
                    found.append(dict(axis=a, values=[p, q], by=b, by_values=[k, l],
                                      at=[self.contrast(w)[0] * s for w in at], p_holm=d["p"]))
        for f, p in zip(found, holm([f["p_holm"] for f in found])):
            f["p_holm"] = p
        found = [f for f in found if f["p_holm"] <= 0.05 and f["at"][0] * f["at"][1] < 0]
        found.sort(key=lambda f: f["p_holm"])
        named = []
        for f in found:
            if all((n["axis"], n["by"]) != (f["axis"], f["by"]) for n in named):
                named.append(f)
        return dict(effects=effects, interactions=named)

    def settle(self, ds, best, compared, span, call_for, family):
        if best is None:
            return None
        open_ = [d for d in ds if call_for(d, best) == "not_clear"]
        if not open_:
            return None
        d = min(open_, key=lambda d: abs(d["estimate"]))
        wanted = max(abs(d["estimate"]), 0.1 * span if span else 0.0)
        alpha = 0.05 / family

        def power(r):
            df = (compared - 1) * (r - 1)
            df = d["df"] if r == self.R else df
            t = stats.t.isf(alpha / 2, df)
            ncp = wanted / (d["se"] * math.sqrt(self.R / r))
            return float(stats.nct.sf(t, df, ncp) + stats.nct.cdf(-t, df, ncp))

        repeats = next((r for r in range(self.R + 1, 31) if power(r) >= 0.8), None)
        return dict(best=best, other=d["second"] if d["first"] == best else d["first"], difference=wanted,
                    half_width=float(stats.t.ppf(0.975, d["df"]) * d["se"]), power=power(self.R), repeats=repeats)


def bootstrap(table):
    """table: prompts × photos."""
    table = np.array(table, float)
    rows, columns = table.shape
    n = min([k for k in (rows, columns) if k > 1], default=1)
    mean = float(table.mean())
    if n < 2:
        return dict(n=n, mean=mean, sd=None, low=None, high=None)
    random, means = SplitMix(9), []
    draw = lambda k: [random.below(k) if k > 1 else 0 for _ in range(k)]
    for _ in range(2000):
        r, c = draw(rows), draw(columns)
        means.append(float(table[np.ix_(r, c)].mean()))
    tail = stats.norm.cdf(-stats.t.ppf(0.975, n - 1) * math.sqrt(n / (n - 1)))
    return dict(n=n, mean=mean, sd=float(np.std(means, ddof=1)), low=float(np.percentile(means, 100 * tail)),
                high=float(np.percentile(means, 100 * (1 - tail))))


def halves(n):
    order = list(range(n))
    SplitMix(8).shuffle(order)
    cut = (n + 1) // 2
    return sorted(order[:cut]), sorted(order[cut:])


def choose(scores, direction):
    s = 1 if direction == "higher" else -1
    scores = np.array(scores)
    a, b = halves(scores.shape[1])
    best = lambda half: int(np.argmax(s * scores[:, half].mean(axis=1)))
    x, y = best(a), best(b)
    chosen = int(np.argmax(s * scores.mean(axis=1)))
    return dict(chosen=chosen, by_half=[x, y], reported=float((scores[x, b].mean() + scores[y, a].mean()) / 2),
                by_itself=float(scores[chosen].mean()), of=len(scores))


def one_axis(sizes, scores, direction="lower", floor=None, span=None, diverged=None):
    n = len(sizes)
    return dict(direction=direction, span=span, axes=[dict(levels=n, sizes=[float(s) for s in sizes])],
                conditions=[dict(scores=row, floor=[floor] * len(row) if floor is not None else [], levels=[i],
                                 diverged=(diverged or [0] * n)[i]) for i, row in enumerate(scores)])


def grid(levels, scores, sizes=None, direction="higher", span=None):
    axes = [dict(levels=k, sizes=s or []) for k, s in zip(levels, sizes or [None] * len(levels))]
    return dict(direction=direction, span=span, axes=axes,
                conditions=[dict(scores=row, floor=[0.0] * len(row), levels=list(at), diverged=0)
                            for at, row in zip(itertools.product(*map(range, levels)), scores)])


def cases():
    rng = np.random.default_rng(20)
    noise = lambda *shape: rng.normal(size=shape)
    out = {}
    seeds = [[.2986, .3032, .3044], [.2752, .2773, .2793], [.2717, .2700, .2761]]
    out["seeds study of the review"] = one_axis([5, 15, 25], seeds, floor=.2995)
    out["one training"] = one_axis([5, 15, 25], [[.2986], [.2752], [.2717]], floor=.2995)
    out["one condition"] = one_axis([5], [[.2986, .3032, .3044]], floor=.2995)
    out["no score"] = one_axis([5, 15], [[None, None], [None, None]], floor=.2995, diverged=[2, 2])
    out["two repeats"] = one_axis([5, 15, 25], [r[:2] for r in seeds], floor=.2995)
    holes = [[.2986, None, .3044], [.2752, .2773, None], [.2717, .2700, .2761]]
    out["missing and diverged"] = one_axis([5, 15, 25], holes, floor=.2995, diverged=[1, 0, 0])
    out["parts that share no repeat"] = one_axis([5, 15, 25, 50], [[.30, .31, None, None], [.28, .27, None, None],
                                                 [None, None, .26, .27], [None, None, .25, .255]], floor=.2995)
    out["equal in all seeds"] = one_axis([5, 15], [[.3, .3, .3], [.2, .2, .2]], floor=.31)
    out["all equal"] = one_axis([5, 15], [[.3, .3, .3], [.3, .3, .3]], floor=.31)
    out["nothing gained"] = one_axis([5, 15, 25], [list(.3 + .01 * noise(3)) for _ in range(3)], floor=.3)
    a = .5 + .02 * noise(3, 6) + .03 * noise(1, 6) + np.array([[0.], [.12], [.121]])
    out["15 are enough"] = one_axis([5, 15, 25], a.tolist(), "higher", floor=.3, span=.6)
    a = .5 + .004 * noise(3, 4) + np.array([[0.], [.1], [.2]])
    out["more may help"] = one_axis([5, 15, 25], a.tolist(), "higher", floor=.3, span=.6)
    a = .5 + .01 * noise(3, 5) + np.array([[0.], [.2], [.1]])
    out["sizes reverse"] = one_axis([25, 5, 15], a.tolist(), "higher", floor=.3, span=.6)
    a = .5 + np.array([[.2], [.004], [.004]]) * noise(3, 8) + np.array([[0.], [.0], [.03]])
    out["unequal variances"] = one_axis([5, 15, 25], a.tolist(), "higher", floor=.3, span=.6)
    a[0, 3] = math.nan
    b = one_axis([5, 15, 25], a.tolist(), "higher", floor=.3)
    b["conditions"][0]["scores"][3] = None
    out["unequal variances with one missing"] = b
    a = .5 + .05 * noise(3, 9) + np.array([[0.], [.05], [.1]])
    out["many relabellings"] = one_axis([5, 15, 25], a.tolist(), "higher", floor=.3)
    effect = np.array([0, .1, .2, 0, .1, .2])[:, None] + np.array([0, 0, 0, .03, .03, .03])[:, None]
    out["two axes"] = grid([2, 3], (effect + .01 * noise(6, 3)).tolist(), [None, [5., 15., 25.]])
    turn = np.array([.1, .3, .3, .1])[:, None]
    out["an interaction that turns"] = grid([2, 2], (turn + .01 * noise(4, 3)).tolist())
    bend = np.array([.1, .2, .3, .9])[:, None]
    out["an interaction that does not turn"] = grid([2, 2], (bend + .01 * noise(4, 3)).tolist())
    three = noise(12, 2) * .01 + np.repeat([0, .2], 6)[:, None]
    out["three axes"] = grid([2, 3, 2], three.tolist())
    four = (noise(12, 2) * .01).tolist()
    four[3][1] = None
    out["three axes, one training missing"] = grid([2, 3, 2], four)
    half = grid([2, 2], (turn + .01 * noise(4, 3)).tolist())
    half["conditions"].pop()
    out["an incomplete grid"] = half
    return out


def noncentral(ncp, df, alpha):
    t = stats.t.isf(alpha / 2, df)
    return float(stats.nct.sf(t, df, ncp) + stats.nct.cdf(-t, df, ncp))


def main():
    rng = np.random.default_rng(7)
    tables = [[[.1, .2, .15, .4, .3]], [[.1], [.2], [.5]], [[.3]], rng.normal(size=(4, 5)).tolist(), [[.1, .2]]]
    photos = rng.normal(size=(5, 7)).tolist()
    golden = dict(
        student=[dict(t=t, df=df, two_sided=float(2 * stats.t.sf(t, df)), quantile=float(stats.t.isf(p / 2, df)), p=p)
                 for t, df, p in [(2.78, 4, .05), (4.3, 2, .1), (0.0, 3, .5), (12.7, 1, .01), (1.96, 1000, .05),
                                  (30.0, 8, 1e-6), (2.5, 3.7, .05 / 3)]],
        f=[dict(f=f, above=a, below=b, tail=float(stats.f.sf(f, a, b))) 
           for f, a, b in [(9., 2, 2), (119., 2, 2), (3.3, 5, 7), (161., 1, 1)]],
        power=[dict(ncp=n, df=df, alpha=al, power=noncentral(n, df, al))
               for n, df, al in [(0., 4, .05), (3., 4, .05 / 3), (2., 2, .05), (5., 10, .01), (1., 1, .05), (4., 87, .05)]],
        bootstrap=[dict(table=t, expected=bootstrap(t)) for t in tables],
        halves=[dict(n=n, halves=[list(h) for h in halves(n)]) for n in (4, 5, 8)],
        choose=[dict(scores=photos, direction=d, expected=choose(photos, d)) for d in ("higher", "lower")],
        studies=[dict(name=name, study=case, expected=Study(case).verdict()) for name, case in cases().items()],
    )
    print(json.dumps(golden, indent=None, separators=(",", ":")))


main()
