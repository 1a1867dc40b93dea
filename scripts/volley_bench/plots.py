# SPDX-License-Identifier: GPL-2.0
"""Plots of the figures: SVG and PNG, for colour-blind readers and for print."""

import re

import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt     # noqa: E402
from matplotlib.ticker import StrMethodFormatter    # noqa: E402

from .tables import NAMES           # noqa: E402
from .targets import latency_of     # noqa: E402

# Okabe and Ito's colours, told apart by all kinds of colour vision; markers and
# hatches tell them apart without colours.
STYLE = {
    "stock": ("#000000", "o", ""),
    "volley": ("#0072B2", "s", "//"),
    "window10": ("#56B4E9", "^", "\\\\"),
    "window50": ("#009E73", "v", "xx"),
    "window200": ("#F0E442", "D", ".."),
    "adaptive": ("#D55E00", "P", "++"),
    "gicv4": ("#CC79A7", "X", "--"),
    "floor": ("#999999", "*", "oo"),
}
# Lines and markers of a path for one VM and for more of them.
LINES = (("-", "full"), ("--", "left"), (":", "none"))

plt.rcParams.update({
    "font.size": 10, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "grid.color": "#dddddd",
    "svg.hashsalt": "volley", "svg.fonttype": "path", "figure.constrained_layout.use": True,
})


def save(figure, folder, name):
    """Both formats, the same for the same figures."""
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})
    plt.close(figure)


def legend(figure, axis, columns=4):
    """Below the plots, where it hides nothing."""
    figure.legend(*axis.get_legend_handles_labels(), fontsize=8, ncols=columns, frameon=False,
                  loc="outside lower center")


def receive(figures, folder):
    """Instructions per interrupt over the size of a burst, for both CPUs."""
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), sharey=True)
    sizes = figures.words("receive", "burst")
    for axis, cpu in zip(axes, ("other", "same")):
        for path in ("stock", "volley", "window50", "adaptive", "gicv4", "floor"):
            points = [(int(size), figures.get("receive", path, "instructions", cpu=cpu, burst=size))
                      for size in sizes]
            points = [point for point in points if point[1] is not None]
            if points:
                colour, marker, _ = STYLE[path]
                axis.plot(*zip(*points), color=colour, marker=marker, label=NAMES[path])
        if cpu == "other":
            axis.plot([1, 8], [900, 400], "k_", markersize=16, markeredgewidth=2, label="targets")
        axis.set_xscale("log", base=2)
        axis.set_xticks([int(size) for size in sizes], sizes)
        axis.set_xlabel("interrupts in a burst")
        axis.set_title(f"received on {'another CPU than the' if cpu == 'other' else 'the'} vCPU's"
                       + (" CPU" if cpu == "same" else ""), fontsize=10)
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("instructions per interrupt")
    legend(figure, axes[0])
    save(figure, folder, "receive")


def bars(axis, groups, paths, value):
    """Grouped bars: one group for each word, one bar for each path."""
    width = 0.8 / len(paths)
    for number, path in enumerate(paths):
        colour, _, hatch = STYLE[path]
        heights = [value(path, group) or 0 for group in groups]
        axis.bar([at + (number - (len(paths) - 1) / 2) * width for at in range(len(groups))],
                 heights, width, color=colour, hatch=hatch, edgecolor="white", linewidth=0.5,
                 label=NAMES[path])
    axis.set_xticks(range(len(groups)), groups)
    axis.grid(axis="x", visible=False)


def delivery(figures, folder, family, name):
    """Exits and kicks per interrupt over the offered load."""
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), sharey=True)
    loads = figures.words(family, "load")
    paths = [path for path in figures.paths(family) if path in STYLE]
    for axis, what in zip(axes, ("exits", "kicks")):
        bars(axis, loads, paths, lambda path, load: figures.get(family, path, what, load=load))
        axis.set_title(f"{what} per interrupt", fontsize=10)
        axis.set_xlabel("offered load")
    axes[0].axhline(0.30, color="k", linewidth=1, linestyle="--")
    axes[1].axhline(0.275, color="k", linewidth=1, linestyle="--")
    legend(figure, axes[0])
    save(figure, folder, name)


def lateness(figures, family, key, value, log):
    """Bars of the median and of the largest latency, side by side."""
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), sharey=True)
    paths = [path for path in figures.paths(family) if path in STYLE]
    for axis, (name, title) in zip(axes, (("median_ns", "median"), ("max_ns", "largest"))):
        bars(axis, figures.words(family, key), paths,
             lambda path, word: (value(path, word, name) or 0) / 1000)
        if log:
            axis.set_yscale("log")
            axis.set_ylim(bottom=0.1)
            axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_title(title, fontsize=10)
        axis.set_xlabel({"load": "offered load", "neighbour": "its neighbour is"}[key])
    axes[0].set_ylabel("virtual microseconds")
    legend(figure, axes[0])
    return figure


def latency(figures, folder):
    """Median and largest, on a logarithmic scale."""
    save(lateness(figures, "latency", "load",
                  lambda path, load, name: latency_of(figures, path, load, name), True),
         folder, "latency")


def noisy(figures, folder):
    """Median and largest of a quiet VM."""
    save(lateness(figures, "noisy", "neighbour",
                  lambda path, word, name: figures.get("noisy", path, name, neighbour=word), False),
         folder, "noisy")


def machines(figures, family):
    """How many VMs of how many vCPUs there were, as numbers, in order."""
    return sorted({(int(f["of"]["vms"]), int(f["of"]["vcpus"])) for f in figures.family(family)})


def over_sources(axis, figures, family, name, **of):
    """A line over the number of sources for each path, and for each number of VMs."""
    # Of the same number of VMs those with most vCPUs.
    for (vms, vcpus), (line, fill) in zip(dict(machines(figures, family)).items(), LINES):
        of |= {"vms": str(vms), "vcpus": str(vcpus)}
        for path in figures.paths(family):
            # A device with a single vector is another one.
            points = sorted((int(f["of"]["sources"]), f["values"][name])
                            for f in figures.family(family)
                            if f["path"] == path and of.items() <= f["of"].items()
                            and f["of"]["sources"] != "1")
            if points:
                colour, marker, _ = STYLE[path]
                axis.plot(*zip(*points), color=colour, marker=marker, linestyle=line,
                          fillstyle=fill, label=f"{NAMES[path]}, {vms} × {vcpus}")
    axis.set_xscale("log", base=2)
    axis.set_xticks([8, 32, 128, 512, 2048], ["8", "32", "128", "512", "2,048"])
    axis.set_xlabel("sources (lines: VMs × vCPUs of each)")


def scale(figures, folder):
    """Instructions per interrupt beside many sources."""
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), sharey=True)
    for axis, burst in zip(axes, figures.words("scale", "burst")):
        over_sources(axis, figures, "scale", "instructions", burst=burst)
        axis.set_title(f"bursts of {burst}", fontsize=10)
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("instructions per interrupt")
    legend(figure, axes[0], 3)
    save(figure, folder, "scale")


def attach(figures, folder):
    """How long a source takes to come and to go, on a logarithmic scale."""
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), sharey=True)
    for axis, what in zip(axes, ("attach", "detach")):
        over_sources(axis, figures, "attach", f"{what}_us")
        axis.set_yscale("log")
        axis.set_ylim(bottom=1)
        axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_title(what, fontsize=10)
    axes[0].set_ylabel("virtual microseconds for each source")
    legend(figure, axes[0], 3)
    save(figure, folder, "attach")


def memory(figures, folder):
    """What all sources and VMs take; few sources and many are too different for one scale."""
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.8))
    groups = {f"{vms} × {vcpus}": {"vms": vms, "vcpus": vcpus}
              for vms, vcpus in machines(figures, "memory")}
    for axis, sources in zip(axes, figures.words("memory", "sources")):
        bars(axis, list(groups), ["volley"],
             lambda path, group, of=sources: figures.get("memory", path, "kb", sources=of,
                                                         **groups[group]))
        axis.set_title(f"{int(sources):,} sources", fontsize=10)
        axis.set_xlabel("VMs × vCPUs of each")
    axes[0].set_ylabel("kB")
    legend(figure, axes[0])
    save(figure, folder, "memory")


def short(name):
    """A function without its crate and folders, on two lines if it is long all the same."""
    name = re.sub(r"(?:\w+::)+(?=\w+::\w)|<(?:\w+::)*(\w+)>", r"\1", name)
    return name if len(name) <= 30 else name.replace("[", "\n[")


def where(figures, folder):
    """The functions that take most, of a single interrupt and of one of a burst of 8."""
    figure, axes = plt.subplots(1, 2, figsize=(8.5, 4.6))
    for axis, burst in zip(axes, ("1", "8")):
        found = sorted(((f["values"]["instructions"], f["of"]["function"])
                        for f in figures.family("where")
                        if f["path"] == "volley" and f["of"]["burst"] == burst), reverse=True)[:16]
        names = [short(name) for _, name in found]
        axis.barh(range(len(found)), [count for count, _ in found], color=STYLE["volley"][0])
        axis.set_yticks(range(len(found)), names, fontsize=7)
        axis.invert_yaxis()
        axis.set_title(f"Volley, bursts of {burst}", fontsize=10)
        axis.set_xlabel("instructions per interrupt")
        axis.grid(axis="y", visible=False)
    save(figure, folder, "where")


def all_plots(figures, folder):
    """Draws what there are figures for; returns the names."""
    drawn = []
    for family, draw, name in (
            ("receive", receive, "receive"),
            ("delivery", lambda f, d: delivery(f, d, "delivery", "delivery"), "delivery"),
            ("delivery_exact", lambda f, d: delivery(f, d, "delivery_exact", "delivery-exact"),
             "delivery-exact"),
            ("latency", latency, "latency"),
            ("noisy", noisy, "noisy"),
            ("scale", scale, "scale"),
            ("attach", attach, "attach"),
            ("memory", memory, "memory"),
            ("where", where, "where")):
        if figures.family(family):
            draw(figures, folder)
            drawn.append(name)
    return drawn
