# SPDX-License-Identifier: GPL-2.0
"""What was to be reached, beside what was measured."""

import dataclasses

from . import tables

LIST_REGISTERS = 4      # of the emulated GIC


@dataclasses.dataclass
class Target:
    """One of them; without a figure it was not measured."""
    text: str
    limit: float | None
    figure: float | None
    unit: str = ""
    digits: int = 0

    @property
    def verdict(self):
        """Met, missed and by how much, or not measured."""
        if self.figure is None:
            return "not measured"
        if self.figure <= self.limit:
            return "met"
        return f"missed by {self.figure - self.limit:.{self.digits}f}"


def traced(figures, path, burst):
    """All instructions of an interrupt by the trace, whatever their function."""
    counts = [f["values"]["instructions"] for f in figures.family("where")
              if f["path"] == path and f["of"]["burst"] == str(burst)]
    return sum(counts) if counts else None


def receive(figures):
    """Instructions per interrupt where it is received, by the counter and by the trace."""
    for burst, limit in ((8, 400), (1, 900)):
        text = f"instructions per interrupt, bursts of {burst}, another CPU"
        yield Target(text, limit,
                     figures.get("receive", "volley", "instructions", cpu="other", burst=burst))
        yield Target(f"{text}, by the trace", limit, traced(figures, "volley", burst))


def delivery(figures):
    """Kicks and exits at saturation, and what they are without the module."""
    for path, text in (("volley", "nothing held"), ("adaptive", "adaptive")):
        for name, limit in (("kicks", 1.1 / LIST_REGISTERS), ("exits", 0.30)):
            stock = figures.get("delivery", "stock", name, load="saturation")
            beside = "" if stock is None else f" (stock path: {stock:.3f})"
            yield Target(f"{name} per interrupt at saturation, {text}{beside}", limit,
                         figures.get("delivery", path, name, load="saturation"), digits=3)


def latency_of(figures, path, load, name):
    """A number of the latency family, whatever the load's spacing is."""
    for spacing in figures.words("latency", "spacing_us"):
        number = figures.get("latency", path, name, load=load, spacing_us=spacing)
        if number is not None:
            return number
    return None


QUANTILES = (("median_ns", "median"), ("p99_ns", "99%"), ("p999_ns", "99.9%"), ("max_ns", "largest"))


def latency(figures):
    """Nothing held: never above stock. Adaptive: as stock at low load. Held: not beyond."""
    for load in figures.words("latency", "load"):
        for name, text in QUANTILES:
            stock = latency_of(figures, "stock", load, name)
            if stock is not None:
                yield Target(f"latency with nothing held not above stock, {load} load, {text}",
                             stock, latency_of(figures, "volley", load, name), "ns")
    for name, text in QUANTILES:
        stock = latency_of(figures, "stock", "low", name)
        if stock is not None:
            yield Target(f"latency adaptive as stock within 2%, low load, {text}", 1.02 * stock,
                         latency_of(figures, "adaptive", "low", name), "ns")
    for window in (10, 50, 200):
        for load in figures.words("latency", "load"):
            path = latency_of(figures, "volley", load, "max_ns")
            if path is not None:
                yield Target(f"held for {window} us at most (and the way itself), {load} load, largest",
                             window * 1000 + path,
                             latency_of(figures, f"window{window}", load, "max_ns"), "ns")


def unused(figures):
    """To the instruction."""
    for what, text in (("interrupt_without_vm", "interrupt of a host without VMs"),
                       ("exit_and_entry", "exit and entry of a VM without sources")):
        stock = figures.get("unused", "stock", "instructions", what=what)
        if stock is not None:
            yield Target(f"{text}, module loaded: as without it", stock,
                         figures.get("unused", "volley", "instructions", what=what))


def scale(figures):
    """The cost of receiving must not grow with what else is attached.

    Medians of the same change by twenty instructions or so from one to the next, on either path.
    """
    if not figures.family("scale"):
        yield Target("instructions per interrupt beside 2,048 sources and 64 VMs: as beside none", None, None)
    first = {}
    for figure in figures.family("scale"):
        of, count = figure["of"], figure["values"]["instructions"]
        # A device with a single vector is another one, and costs less on the stock path, too.
        if figure["path"] != "volley" or of["sources"] == "1":
            continue
        if of["burst"] not in first:
            first[of["burst"]] = count
            continue
        yield Target(f"instructions per interrupt, bursts of {of['burst']}, beside "
                     f"{tables.beside(of)}: as beside none", 1.02 * first[of["burst"]], count)


def all_targets(figures):
    """All of them, in the order of the report."""
    for part in (receive, delivery, latency, unused, scale):
        yield from part(figures)
