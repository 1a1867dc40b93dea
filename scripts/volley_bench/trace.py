# SPDX-License-Identifier: GPL-2.0
"""QEMU's log of executed instructions, by function of the kernel."""

import bisect
import collections
import re
import subprocess

# "Trace 2: 0x7f.. [cs_base/pc/flags/cflags] name"
LINE = re.compile(r"^Trace (\d+): \S+ \[[0-9a-f]+/([0-9a-f]+)/", re.M)
VECTORS = "vectors"     # where every exception begins


def demangled(names):
    """Names of Rust functions as a programmer writes them."""
    done = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True,
                          text=True, check=True)
    return done.stdout.splitlines()


# What the linker puts behind a module's code to reach the kernel's: the last
# function there, which never runs while the module is in use, has no end.
VENEERS = {"cleanup_module": "calls_into_the_kernel(veneers)"}


def short(name):
    """A demangled name without hashes, crates of the module, and blanks."""
    name = re.sub(r"\[[0-9a-f]+\]", "", name)
    return name.replace(" ", "")


class Symbols:
    """The functions of the kernel and its modules, from lines of /proc/kallsyms."""

    def __init__(self, lines):
        found = {}
        for line in lines:
            words = line.split()
            if len(words) not in (3, 4) or len(words[0]) != 16 or words[2].startswith("$"):
                continue
            module = words[3].strip("[]") if len(words) == 4 else ""
            found.setdefault(int(words[0], 16), (words[2], module))
        self.addresses = sorted(found)
        self.names = [found[address] for address in self.addresses]

    def at(self, address):
        """The name and the module of the function that the address is in."""
        place = bisect.bisect(self.addresses, address) - 1
        return self.names[place] if place >= 0 else ("?", "")


def exceptions(log, cpu, symbols):
    """The instructions of one CPU, as (name, module), exception by exception."""
    current, last = [], None
    for match in LINE.finditer(log):
        if int(match[1]) != cpu:
            continue
        address = int(match[2], 16)
        # One that is begun and interrupted before it has done anything.
        if address == last:
            continue
        last = address
        where = symbols.at(address)
        if where[0] == VECTORS and (not current or current[-1][0] != VECTORS):
            if current:
                yield current
            current = []
        current.append(where)
    if current:
        yield current


def is_device(exception):
    """Whether it took a device's interrupt, by either path."""
    return any(name == "handle_fasteoi_irq" or module == "volley" for name, module in exception)


def by_function(log, cpu, symbols):
    """How many instructions each function executed to take devices' interrupts."""
    counts = collections.Counter()
    for exception in exceptions(log, cpu, symbols):
        if is_device(exception):
            counts.update(exception)
    plain = demangled([name for name, _ in counts])
    named = collections.Counter()
    for (name, module), text in zip(counts.keys(), plain):
        text = VENEERS.get(name, short(text)) if module else short(text)
        named[text + (f"[{module}]" if module else "")] += counts[name, module]
    return named
