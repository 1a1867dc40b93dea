# SPDX-License-Identifier: GPL-2.0
"""A folder like the module's, made up for scripts/volley-top, and what runs its tests."""

import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1] / "scripts" / "volley-top"
sys.path.append(str(TOP.parent))

from terminal import Session, write_terminfo
from volley_top import data

ARRIVALS = ["received", "forwarded", "merged", "to_host", "consumed", "deferred"]
KICKS = ["kick_requests", "kicks_sent", "kicks_held", "kicks_saved", "volleys", "volley_irqs", "windows",
         "held_usecs_total"]
COUNTERS = ARRIVALS + KICKS
QUIET = [1000, 600, 200, 130, 50, 20, 400, 100, 90, 300, 300, 600, 80, 4000]
LOUD = [9000, 8000, 1000, 0, 0, 0, 500, 450, 40, 50, 450, 8100, 40, 1000]
NONE = [0] * len(COUNTERS)
SIZES = ["1", "2", "4", "8", "16", "32", "64"]
USECS = ["0", *(str(1 << bit) for bit in range(14))]


class Host:
    """A folder as the module has it."""

    def __init__(self, path):
        self.path = path
        self.put("", version="0.1.0", list_registers=4, max_usecs=0, max_irqs=4, adaptive=0)
        for kind in ("vms", "irqs"):
            (path / kind).mkdir()

    def put(self, where, **values):
        (self.path / where).mkdir(parents=True, exist_ok=True)
        for name, value in values.items():
            (self.path / where / name).write_text(f"{value}\n")

    def vm(self, name, counts, **values):
        self.put(f"vms/{name}", **{"enabled": 1, "max_usecs": 0, "max_irqs": 4, "adaptive": 0,
                                   **dict(zip(COUNTERS, counts)), **values})

    def more(self, name, sizes, usecs, **reasons):
        """What an older module does not have of a VM: the first buckets of histograms, and reasons."""
        self.put(f"vms/{name}", **reasons)
        for folder, names, counts in (("volley_sizes", SIZES, sizes), ("held_usecs", USECS, usecs)):
            self.put(f"vms/{name}/{folder}", **dict.fromkeys(names, 0) | dict(zip(names, counts)))

    def irq(self, number, vm, counts, **values):
        self.put(f"irqs/{number}", **{"vm": vm, "vcpu": 0, "intid": 8192, "gsi": 24, "handler": "msi",
                                      "urgent": 0, **dict(zip(ARRIVALS, counts)), **values})

    def usual(self):
        """Three VMs, of which the first in the folder is neither the loudest nor the oldest."""
        self.vm("100-9", QUIET, max_usecs=50)
        self.vm("99-12", LOUD, max_irqs=16)
        self.vm("5000-3", NONE, enabled=0)
        self.irq(50, "99-12", [8000, 7000, 1000, 0, 0, 0], vcpu=1)
        self.irq(51, "99-12", [1000, 1000, 0, 0, 0, 0])
        self.irq(9, "100-9", [1000, 600, 200, 130, 50, 20], intid=-1)
        return self

    def run(self, *arguments, status=0):
        done = subprocess.run([TOP, *arguments], env={**os.environ, "VOLLEY_SYSFS": str(self.path)}, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        same(done.returncode, status, done.stderr)
        return done.stdout if status == 0 else (done.stdout, done.stderr)

    def live(self, *arguments, **options):
        return Session([TOP, *arguments], str(self.path.parent / "terminfo"), VOLLEY_SYSFS=str(self.path), **options)

    def read(self, at):
        return {**data.Volley(str(self.path)).read(), "time": at}


def same(found, expected, about=""):
    assert found == expected, f"{found!r} instead of {expected!r} {about}"


def run(cases):
    """Runs them one by one, or those that are named; prints KTAP."""
    failed = 0
    print(f"KTAP version 1\n1..{len(cases)}", flush=True)
    for number, case in enumerate(cases, 1):
        if len(sys.argv) > 1 and case.__name__ not in sys.argv:
            print(f"ok {number} {case.__name__} # SKIP")
            continue
        with tempfile.TemporaryDirectory() as folder:
            write_terminfo(os.path.join(folder, "terminfo"))
            (pathlib.Path(folder) / "volley").mkdir()
            try:
                case(Host(pathlib.Path(folder) / "volley"))
                verdict = "ok"
            except Exception:
                verdict = "not ok"
                failed += 1
                for line in traceback.format_exc().splitlines():
                    print(f"# {line}")
        print(f"{verdict} {number} {case.__name__.replace('_', ' ')}", flush=True)
    return 1 if failed else 0
