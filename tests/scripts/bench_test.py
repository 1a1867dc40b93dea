#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Reading, comparing and showing figures, and counting a trace; prints KTAP."""

import contextlib
import io
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

from volley_bench import figures, page, tables, targets, trace  # noqa: E402

PRINTED = """\
Random seed: 0x4adacb37
figure family=receive path=stock cpu=other burst=1: instructions=2264.0 least=2260.0
figure family=receive path=stock cpu=other burst=8: instructions=2127.4 least=2116.1
figure family=receive path=volley cpu=other burst=1: instructions={single} least=1653.0
figure family=receive path=volley cpu=other burst=8: instructions={burst} least=390.0
figure family=unused path=stock what=exit_and_entry: instructions=4000
figure family=unused path=volley what=exit_and_entry: instructions={unused}
figure family=where path=volley burst=1 function=<volley::A>::b: instructions=12.33
"""


def run_of(single=1653.0, burst=399.5, unused=4000):
    """The figures of a run."""
    return figures.Figures({"commit": "abc"}, figures.parse(
        PRINTED.format(single=single, burst=burst, unused=unused)))


def reads():
    run = run_of()
    assert len(run.figures) == 7
    assert run.get("receive", "stock", "least", cpu="other", burst=8) == 2116.1
    assert run.get("where", "volley", "instructions", burst=1, function="<volley::A>::b") == 12.33
    assert run.get("receive", "stock", "least", cpu="same", burst=8) is None


def tells_commits():
    """Each part's last; one alone for all of them needs no parts."""
    def of(*lines):
        return figures.commits("".join(f"measured {line}\nfigure x\n" for line in lines))
    assert of("receive abc", "where abc") == "abc"
    assert of("receive abc", "where abc", "latency abc-dirty", "receive def") == (
        "def (receive), abc (where), abc-dirty (latency)")
    assert of() == "?"
    with tempfile.TemporaryDirectory() as folder:
        run, kept = pathlib.Path(folder) / "run.txt", pathlib.Path(folder) / "f.json"
        run.write_text(PRINTED.format(single=1, burst=1, unused=1) + "measured receive abc\n")
        subprocess.run([SCRIPTS / "bench-show", run, "--save", kept], check=True, capture_output=True)
        assert figures.Figures.load(kept).about == {"commit": "abc"}


def keeps():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "f.json"
        run_of().save(path)
        kept = figures.Figures.load(path)
    assert kept.figures == run_of().figures and kept.about == {"commit": "abc"}


def compares():
    before = run_of()
    assert not figures.regressions(before, run_of(single=1653 * 1.029))
    assert not figures.regressions(before, run_of(single=1000))
    worse = figures.regressions(before, run_of(single=1653 * 1.031))
    assert len(worse) == 1 and "receive volley cpu other burst 1" in worse[0][0]
    assert len(figures.regressions(before, run_of(unused=4121, burst=500))) == 2
    assert figures.compared(before, run_of()) == 3


def status_of_compare():
    with tempfile.TemporaryDirectory() as folder:
        old, new = pathlib.Path(folder) / "old.json", pathlib.Path(folder) / "new.txt"
        run_of().save(old)
        for single, expected in ((1653, 0), (1800, 1)):
            new.write_text(PRINTED.format(single=single, burst=399.5, unused=4000))
            done = subprocess.run([SCRIPTS / "bench-show", new, "--compare", old],
                                  capture_output=True, text=True, check=False)
            assert done.returncode == expected, done.stdout
            assert ("worse: receive" in done.stdout) == bool(expected)
        new.write_text("nothing\n")
        done = subprocess.run([SCRIPTS / "bench-show", new, "--compare", old],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "nothing to compare" in done.stdout


def judges():
    found = {t.text: t.verdict for t in targets.all_targets(run_of(unused=4001))}
    assert found["instructions per interrupt, bursts of 8, another CPU"] == "met"
    assert found["instructions per interrupt, bursts of 1, another CPU"] == "missed by 753"
    assert found["exits per interrupt at saturation, adaptive"] == "not measured"
    assert found["exit and entry of a VM without sources, module loaded: as without it"] == "missed by 1"


def shows():
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        tables.print_all(run_of())
    assert "stock path" in out.getvalue() and "2264" in out.getvalue()
    rows = list(page.losses(run_of(burst=2300)))
    assert len(rows) == 1 and rows[0][-1] == "+8%"
    for share, change in ((0.5, "none"), (0.505, "none"), (0.6, None), (0.3, "-40%")):
        found = figures.Figures({}, [
            {"family": "delivery_exact", "path": path, "of": {"load": "idle"}, "values": {"guest_share": value}}
            for path, value in (("stock", 0.5), ("volley", share))])
        assert [row[-1] for row in page.losses(found)] == [change] * (change is not None), share
    assert "**missed by 753**" in page.page(run_of(), ["receive"])


SCALE = """\
figure family=memory path=volley vms=1 vcpus=1 sources=72: kb=300
figure family=memory path=volley vms=1 vcpus=1 sources=172: kb=700
figure family=memory path=volley vms=3 vcpus=4 sources=172: kb=5000
figure family=memory path=volley vms=8 vcpus=4 sources=172: kb=1050
"""


def divides_memory():
    rows = list(tables.memory_of_each(figures.Figures({}, figures.parse(SCALE))))
    assert rows == [["each source", "4.0"], ["each VM of 4 vCPUs", "50.0"]], rows
    assert not list(tables.memory_of_each(run_of()))


# Two exceptions of CPU 2: a device's, with an instruction that was begun twice, and another.
TRACE = """\
Trace 2: 0x7f00 [0000000000000000/ffff800080000480/00000304/ff200201] vectors
Trace 2: 0x7f00 [0000000000000000/ffff800080000484/00000304/ff200201] vectors
Trace 1: 0x7f00 [0000000000000000/ffff800080002000/00000304/ff200201] other
Trace 2: 0x7f00 [0000000000000000/ffff800080001000/00000304/ff200201] handle
Trace 2: 0x7f00 [0000000000000000/ffff800080001000/00000304/ff200201] handle
Trace 2: 0x7f00 [0000000000000000/ffff800080003004/00000304/ff200201]
Trace 2: 0x7f00 [0000000000000000/ffff800080000480/00000304/ff200201] vectors
Trace 2: 0x7f00 [0000000000000000/ffff800080002000/00000304/ff200201] other
"""
SYMBOLS = """\
ffff800080000000 T vectors
ffff800080001000 t $x
ffff800080001000 T handle_irq
ffff800080002000 T other
ffff800080003000 t _RNvNtCs2A_6volley4host4flow\t[volley]
ffff800080004000 T end
"""


def counts_a_trace():
    counts = trace.by_function(TRACE, 2, trace.Symbols(SYMBOLS.splitlines()))
    assert counts["vectors"] == 2 and counts["handle_irq"] == 1
    assert counts["volley::host::flow[volley]"] == 1
    assert sum(counts.values()) == 4


CASES = (reads, tells_commits, keeps, compares, status_of_compare, judges, shows, divides_memory,
         counts_a_trace)


def main():
    failed = 0
    print(f"KTAP version 1\n1..{len(CASES)}")
    for number, case in enumerate(CASES, 1):
        try:
            case()
            print(f"ok {number} {case.__name__}")
        except Exception as error:     # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} {case.__name__} # {type(error).__name__}: {error}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
