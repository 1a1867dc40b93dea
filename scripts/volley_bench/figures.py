# SPDX-License-Identifier: GPL-2.0
"""Figures: read from what the programs print, kept in JSON, compared."""

import json

# The paths that are the module's: the others change only with the kernel.
OURS = ("volley", "window10", "window50", "window200", "adaptive", "disabled")
# What is the same in each run of the same code, to the instruction or nearly so: which
# numbers, for which paths, and by how much they may be larger than before. Where an
# interrupt is in a window when the next one comes, by how much it is late is a matter of
# a few instructions. The family "where" is left out: a function that is renamed is no
# regression.
EXACT = {
    "receive": (("instructions",), OURS, 0.03),
    "unused": (("instructions",), OURS, 0.03),
    "latency": (("median_ns",), ("volley",), 0.03),
    # Here the way is shorter, and where the linker puts the module is seen.
    "scale": (("instructions",), ("volley",), 0.05),
    # Work items take part, and memory comes in pages.
    "attach": (("attach_us", "detach_us"), ("volley",), 0.15),
    "memory": (("kb",), ("volley",), 0.3),
}


def parse_line(line):
    """A line "figure family=F path=P key=word...: name=number..." as a dict."""
    conditions, values = line.removeprefix("figure ").rsplit(": ", 1)
    of = dict(word.split("=", 1) for word in conditions.split())
    return {
        "family": of.pop("family"),
        "path": of.pop("path"),
        "of": of,
        "values": {name: float(number) for name, number in
                   (word.split("=", 1) for word in values.split())},
    }


def parse(text):
    """All figures in what programs have printed."""
    return [parse_line(line) for line in text.splitlines() if line.startswith("figure ")]


def commits(text):
    """The commit that a run was measured on; if there are several, with the parts of each."""
    last = {}
    for line in text.splitlines():
        if line.startswith("measured "):
            part, commit = line.split()[1:]
            last[part] = commit
    parts = {commit: [part for part in last if last[part] == commit] for commit in last.values()}
    if len(parts) == 1:
        return next(iter(parts))
    return ", ".join(f"{commit} ({', '.join(of)})" for commit, of in parts.items()) or "?"


class Figures:
    """The figures of one run, with what is known about it."""

    def __init__(self, about, figures):
        self.about = about
        # Of what was measured twice, the last.
        last = {self.key(f["family"], f["path"], f["of"]): f for f in figures}
        self.figures = list(last.values())
        self.index = {key: f["values"] for key, f in last.items()}

    @staticmethod
    def key(family, path, of):
        """By which a figure is found."""
        return family, path, tuple(sorted((name, str(word)) for name, word in of.items()))

    def get(self, family, path, name, **of):
        """One number, or None if it was not measured."""
        return self.index.get(self.key(family, path, of), {}).get(name)

    def family(self, family):
        """All figures of a family."""
        return [f for f in self.figures if f["family"] == family]

    def words(self, family, key):
        """The different words that a condition has, in the order of the run."""
        return list(dict.fromkeys(f["of"][key] for f in self.family(family) if key in f["of"]))

    def paths(self, family):
        """The paths that were measured, in the order of the run."""
        return list(dict.fromkeys(f["path"] for f in self.family(family)))

    def save(self, path):
        """Writes a file; one line for each figure, so that a diff shows what has changed."""
        lines = ",\n".join("  " + json.dumps(f) for f in self.figures)
        about = json.dumps(self.about, indent=1).replace("\n", "\n ")
        path.write_text(f'{{\n "about": {about},\n "figures": [\n{lines}\n ]\n}}\n')

    @classmethod
    def load(cls, path):
        """Reads what save() has written."""
        kept = json.loads(path.read_text())
        return cls(kept["about"], kept["figures"])


def exact(figure):
    """The numbers that are to be compared, and by how much they may be larger."""
    names, paths, tolerance = EXACT.get(figure["family"], ((), (), 0))
    of = figure["of"]
    # Some that come alone are held by an adaptive window and others are not: which of them is
    # in the middle is chance.
    if figure["path"] == "adaptive" and of.get("cpu") == "other" and of.get("burst") == "1":
        names = ()
    return names if figure["path"] in paths else (), tolerance


def pairs(before, now):
    """The exact figures that both runs have: (figure, name, old, new, tolerance)."""
    for figure in now.figures:
        names, tolerance = exact(figure)
        for name in names:
            old = before.get(figure["family"], figure["path"], name, **figure["of"])
            if old is not None:
                yield figure, name, old, figure["values"][name], tolerance


def regressions(before, now):
    """Exact figures of the module that got worse by more than they may: (text, old, new)."""
    found = []
    for figure, name, old, new, tolerance in pairs(before, now):
        if new > old * (1 + tolerance):
            of = " ".join(f"{key} {word}" for key, word in figure["of"].items())
            found.append((f"{figure['family']} {figure['path']} {of}: {name}", old, new))
    return found


def compared(before, now):
    """How many figures regressions() looks at."""
    return sum(1 for _ in pairs(before, now))
