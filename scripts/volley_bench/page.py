# SPDX-License-Identifier: GPL-2.0
"""The generated part of Documentation/performance/."""

from . import tables, targets

ALT = {
    "receive": "Instructions per interrupt over the size of a burst",
    "delivery": "Exits and kicks per interrupt over the offered load, real concurrency",
    "delivery-exact": "Exits and kicks per interrupt over the offered load, exact time",
    "latency": "Median and largest latency over the offered load",
    "noisy": "Median and largest latency of a quiet VM by its neighbour",
    "scale": "Instructions per interrupt over the number of sources",
    "attach": "Time to attach and to detach a source over the number of sources",
    "memory": "Memory that the module takes by the number of VMs, vCPUs and sources",
    "where": "The functions that execute most instructions of an interrupt",
}
# Paths of the module whose figures are held against the stock path's.
OURS = ("volley", "window50", "adaptive", "disabled")
# What is held against it, and what of that is better if it is larger: all else is if smaller.
COMPARED = {
    "receive": ("instructions", "mean"),
    "delivery": ("exits", "kicks", "refills"),
    "delivery_exact": ("exits", "kicks", "refills", "host_instructions", "guest_share"),
    "delivery_same": ("exits", "kicks"),
    "delivery_same_exact": ("exits", "kicks", "host_instructions", "guest_share"),
    "coalesced": ("irqs", "exits", "kicks"),
    "latency": ("median_ns", "p99_ns", "p999_ns", "max_ns"),
    "noisy": ("median_ns", "p99_ns", "max_ns"),
    "attach": ("attach_us", "detach_us"),
}
LARGER = ("guest_share",)
NO_DIFFERENCE = 0.02


def heading(text, line):
    """A heading of reStructuredText."""
    return f"{text}\n{line * len(text)}\n"


def list_table(heads, rows, widths):
    """A table of reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in [heads, *rows]:
        # A dash alone would be a list.
        lines += [(("   * - " if number == 0 else "     - ")
                   + (r"\-" if cell == "-" else cell)).rstrip()
                  for number, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def target_table(figures):
    """Every target beside its figure."""
    rows = [[target.text, f"{tables.shown(target.limit, target.digits)} {target.unit}".strip(),
             tables.shown(target.figure, target.digits),
             target.verdict if target.verdict == "met" else f"**{target.verdict}**"]
            for target in targets.all_targets(figures)]
    return list_table(["Target", "At most", "Measured", ""], rows, "50 15 15 20")


def losses(figures):
    """Where the module is worse than the stock path, or makes no difference."""
    for family, names in COMPARED.items():
        for figure in figures.family(family):
            if figure["path"] not in OURS:
                continue
            for name in names:
                ours = figure["values"].get(name)
                stock = figures.get(family, "stock", name, **figure["of"])
                if ours is None or not stock:
                    continue
                change = ours / stock - 1
                if (change if name in LARGER else -change) > NO_DIFFERENCE:
                    continue
                of = ", ".join(f"{key} {word}" for key, word in figure["of"].items())
                digits = 0 if stock >= 10 else 3 if stock < 1 else 2
                yield [f"{family.replace('_', ' ')}: {name.replace('_', ' ')} ({of})",
                       tables.NAMES[figure["path"]], f"{stock:.{digits}f}", f"{ours:.{digits}f}",
                       "none" if abs(change) <= NO_DIFFERENCE else f"{change:+.0%}"]


def literal(text):
    """A literal block."""
    return "::\n\n" + "\n".join("  " + line if line else "" for line in text.splitlines()) + "\n"


def figure(name):
    """One plot: SVG; the PNG lies beside it."""
    return f".. figure:: {name}.svg\n   :alt: {ALT[name]}\n\n   {ALT[name]} (:download:`PNG <{name}.png>`)\n"


def page(figures, drawn):
    """The whole of figures.rst."""
    about = figures.about
    parts = [
        ".. SPDX-License-Identifier: GPL-2.0\n.. Written by make bench-report.\n",
        "=======\nFigures\n=======\n",
        f"Measured on commit {about.get('commit', '?')}, kernel {about.get('kernel', '?')}, "
        f"QEMU {about.get('qemu', '?')}:\n{about.get('machine', '?')}. "
        "All of it is in ``figures.json`` as well.\n",
        heading("Targets", "="), target_table(figures),
        heading("Where Volley makes no difference, or is worse", "="),
        "What in the tables below is not at least 2% better than on the stock path; of the fixed\n"
        "windows only that of 50 microseconds. \"Same\" is what the vCPU's own CPU receives:\n",
    ]
    rows = list(losses(figures))
    parts.append(list_table(["What", "With", "Stock", "Volley", "Change"], rows, "44 20 12 12 12")
                 if rows else "None was measured.\n")
    parts.append(heading("Plots", "="))
    parts += [figure(name) for name in drawn]
    parts.append(heading("Tables", "="))
    for title, text in tables.all_tables(figures):
        parts += [title + literal(text)]
    if figures.family("where"):
        parts.append(heading("Functions", "="))
        parts.append("Instructions per interrupt by function of the kernel, from a trace of each "
                     "instruction;\na name in brackets is that of a module. Sorted by Volley's.\n")
        shares = tables.parts(figures)
        if shares:
            parts.append("What they go to, with Volley" + literal(shares))
        for burst in figures.words("where", "burst"):
            parts.append(literal(tables.where(figures, burst)))
    return "\n".join(parts)


def write(figures, folder):
    """Writes the page, the plots, and the figures themselves."""
    # Not at the top: the rest of this works without matplotlib.
    from . import plots     # pylint: disable=import-outside-toplevel
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.rst").write_text(page(figures, plots.all_plots(figures, folder)))
    figures.save(folder / "figures.json")
