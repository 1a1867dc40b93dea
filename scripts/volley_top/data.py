# SPDX-License-Identifier: GPL-2.0
"""What is in the files of the module, and what two reads of them come to."""

import errno
import os
import re
import time

ARRIVALS = ("received", "forwarded", "merged", "to_host", "consumed", "deferred")
COUNTERS = {"vms": ARRIVALS + ("kick_requests", "kicks_sent", "kicks_held", "kicks_saved", "volleys", "volley_irqs",
                               "windows", "held_usecs_total"),
            "irqs": ARRIVALS}
# Which of these are counted by reasons, too. Which there are depends on the module.
REASONS = {"vms": ("to_host", "kicks_sent", "kicks_saved"), "irqs": ("to_host",)}
# Folders of histograms; the files in them are called by the lower bounds of the buckets.
HISTOGRAMS = {"vms": ("volley_sizes", "held_usecs"), "irqs": ()}
# What is made of parts: the reasons and the buckets that there are.
PARTS = ("reasons", "histograms")
NUMBERS = {"vms": ("enabled", "max_usecs", "max_irqs", "adaptive"), "irqs": ("vcpu", "intid", "gsi", "urgent")}
TEXTS = {"vms": (), "irqs": ("vm", "handler")}
DEFAULTS = ("list_registers", "max_usecs", "max_irqs", "adaptive")


class NotLoaded(Exception):
    """There is nothing to read."""

    def __str__(self):
        return f"the module volley is not loaded (no {self.args[0]}); load it: modprobe volley"


def clean(text):
    """What a terminal can be shown."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)


def natural(text):
    """A sort key by which 9-1 comes before 10-1."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"[0-9]+|[^0-9]+", text)]


class Volley:
    """The files of the module."""

    def __init__(self, folder):
        self.folder = folder

    def text(self, *names):
        """A file's only line; nothing if what it is about is gone (or it never was there)."""
        try:
            with open(os.path.join(self.folder, *names), "rb") as file:
                return file.read(4096).decode(errors="replace").rstrip("\n")
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENOTDIR, errno.EISDIR):
                return None
            raise

    def number(self, *names):
        text = self.text(*names)
        return int(text) if text and re.fullmatch(r"-?[0-9]{1,20}", text, re.ASCII) else None

    def numbers(self, *names, prefix=""):
        """Those of the files in a folder whose names begin like this, without that; none if there is no such folder."""
        try:
            files = os.listdir(os.path.join(self.folder, *names))
        except (FileNotFoundError, NotADirectoryError):
            files = []
        found = {file[len(prefix):]: self.number(*names, file)
                 for file in sorted(files, key=natural) if file.startswith(prefix)}
        return {key: number for key, number in found.items() if number is not None}

    def entry(self, kind, name):
        """A VM or a source; nothing if it goes while it is being read."""
        folder = os.path.join(self.folder, kind, name)
        try:
            found = {"born": os.stat(folder).st_ino,
                     "counters": {key: self.number(kind, name, key) for key in COUNTERS[kind]},
                     "reasons": {key: self.numbers(kind, name, prefix=key + "_") for key in REASONS[kind]},
                     "histograms": {key: self.numbers(kind, name, key) for key in HISTOGRAMS[kind]}}
            found.update((key, self.number(kind, name, key)) for key in NUMBERS[kind])
            found.update((key, self.text(kind, name, key)) for key in TEXTS[kind])
            # Half of it may be of another that has the name now.
            return found if os.stat(folder).st_ino == found["born"] else None
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self):
        """All there is at this moment."""
        found = {"time": time.monotonic(), "version": self.text("version")}
        for kind in COUNTERS:
            try:
                names = sorted(os.listdir(os.path.join(self.folder, kind)), key=natural)
            except (FileNotFoundError, NotADirectoryError):
                names = []
            entries = {name: self.entry(kind, name) for name in names}
            found[kind] = {name: entry for name, entry in entries.items() if entry}
        found.update((key, self.number(key)) for key in DEFAULTS)
        if not os.path.isdir(self.folder):
            raise NotLoaded(self.folder)
        return found

    def write(self, vm, key, text):
        """Changes a setting of a VM; the kernel says what is right. Returns what there is to say."""
        try:
            file = os.open(os.path.join(self.folder, "vms", vm, key), os.O_WRONLY)
            try:
                os.write(file, text.encode() + b"\n")
            finally:
                os.close(file)
        except OSError as error:
            why = {errno.EACCES: " (only root may change it)", errno.ERANGE: " (out of range)",
                   errno.ENOENT: " (the VM has gone)", errno.ENODEV: " (the VM has gone)"}.get(error.errno, "")
            return f"{clean(vm)}: {key} not changed: {error.strerror}{why}"
        return f"{clean(vm)}: {key} is {clean(self.text('vms', vm, key) or '-')} now"


def quotient(over, under):
    return over / under if over is not None and under else None


def counts(entry):
    """All that is counted, by where it is found in the entry."""
    found = {("counters", key): count for key, count in entry["counters"].items()}
    for part in PARTS:
        for name, numbers in entry[part].items():
            found.update(((part, name, key), count) for key, count in numbers.items())
    return found


def changes(old, new):
    """What was counted since: all of it, if this is another than before, or began anew."""
    now = counts(new)
    before = counts(old) if old and old["born"] == new["born"] else {}
    if any(before.get(key) is not None and count is not None and count < before[key] for key, count in now.items()):
        before = {}
    return {key: None if count is None else count - (before.get(key) or 0) for key, count in now.items()}


def evaluate(old, new):
    """What two reads, or one, come to: per VM and per source rates and quotients."""
    seconds = new["time"] - old["time"] if old else None
    result = {"version": new["version"], "interval": seconds}
    result.update((key, new[key]) for key in DEFAULTS)
    for kind in COUNTERS:
        result[kind] = {}
        for name, entry in new[kind].items():
            every = changes(old[kind].get(name) if old else None, entry)
            done = {key: every["counters", key] for key in entry["counters"]}
            shown = {key: entry[key] for key in TEXTS[kind] + NUMBERS[kind] + ("counters",) + PARTS}
            shown["rates"] = {key: quotient(count, seconds) for key, count in done.items()}
            for part in PARTS:
                shown[part[:-1] + "_rates"] = {
                    key: {of: quotient(every[part, key, of], seconds) for of in numbers}
                    for key, numbers in entry[part].items()}
            if kind == "vms":
                both = (done["forwarded"], done["merged"])
                interrupts = None if None in both else sum(both)
                shown["kicks_per_interrupt"] = quotient(done["kicks_sent"], interrupts)
                shown["mean_volley"] = quotient(done["volley_irqs"], done["volleys"])
                shown["mean_held_usecs"] = quotient(done["held_usecs_total"], done["windows"])
            result[kind][name] = shown
    return result
