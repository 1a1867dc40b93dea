#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Reading, comparing and showing figures, and counting a trace; prints KTAP."""

import contextlib
import io
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

TOP = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = TOP / "scripts"
sys.path.insert(0, str(SCRIPTS))

from volley_bench import figures, page, plots, tables, targets, trace  # noqa: E402

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
        subprocess.run([SCRIPTS / "bench-show", run, "--save", kept], check=True,
                       capture_output=True)
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
    # What varies more may grow more; what is chance is left out.
    for family, of, number, most in (
            ("scale", {"burst": "8"}, "instructions", 1.05),
            ("attach", {"sources": "9"}, "attach_us", 1.15),
            ("attach", {"sources": "9"}, "detach_us", 1.15),
            ("memory", {"sources": "9"}, "kb", 1.3)):
        def run(value, family=family, of=of, number=number):
            return figures.Figures({}, [{"family": family, "path": "volley", "of": of,
                                         "values": {number: value}}])
        assert not figures.regressions(run(100), run(100 * most - 1)), family
        assert len(figures.regressions(run(100), run(100 * most + 1))) == 1, family
    for cpu, burst, count in (("other", "1", 0), ("other", "2", 1), ("same", "1", 1)):
        run = figures.Figures({}, [{"family": "receive", "path": "adaptive",
                                    "of": {"cpu": cpu, "burst": burst},
                                    "values": {"instructions": 100}}])
        assert figures.compared(run, run) == count, (cpu, burst)


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


SAME = """\
figure family=delivery_same_exact path=stock load=saturation: \
exits=0.500 kicks=0.000 host_instructions=4000 guest_share=0.5000
figure family=delivery_same_exact path=volley load=saturation: \
exits=0.494 kicks=0.000 host_instructions=3000 guest_share=0.4000
"""


def tells_cpus_apart():
    """What the vCPU's own CPU receives has tables and losses of its own, and no target."""
    run = figures.Figures({}, figures.parse(SAME))
    found = dict(tables.all_tables(run))
    assert list(found) == [f"{text}, received on the vCPU's own CPU, exact time" for text in (
        "Guest exits per interrupt", "Kicks per interrupt",
        "Host's instructions on the vCPU's CPU per interrupt",
        "Guest's share of the instructions of the vCPU's CPU")], list(found)
    assert cells(found[next(iter(found))])[1:] == [["stock path", "0.50"],
                                                   ["Volley, nothing held", "0.49"]]
    assert [(row[0], row[-1]) for row in page.losses(run)] == [
        ("delivery same exact: exits (load saturation)", "none"),
        ("delivery same exact: guest share (load saturation)", "-20%")]
    assert all(target.figure is None for target in targets.all_targets(run))
    assert set(tables.DELIVERY) <= set(page.COMPARED)


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


def reported():
    """The figures that the documents are about."""
    return figures.Figures.load(TOP / "Documentation/performance/figures.json")


def cells(text):
    """Each line of a table as its cells."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line.strip()]


def readme_has_the_figures():
    """Its table of what receiving costs is a part of the report's."""
    heading, table = tables.all_tables(reported())[0]
    text = (TOP / "README.md").read_text()
    assert f"\n{heading}\n" in text, heading
    copied = cells(text.partition(f"\n{heading}\n")[2].partition("```")[0])
    assert len(copied) == 4, copied
    for row in copied:
        assert row in cells(table), row


DRAWN = ["receive", "delivery", "delivery-exact", "latency", "noisy", "scale", "attach", "memory",
         "where"]


def page_is_of_the_figures():
    """Nobody has written into the report by hand, or forgotten to write it anew."""
    kept = (TOP / "Documentation/performance/figures.rst").read_text()
    for line, made in zip(kept.splitlines(), page.page(reported(), DRAWN).splitlines()):
        assert line == made, f"{line!r} should be {made!r}"
    assert len(kept) == len(page.page(reported(), DRAWN))


def draws():
    """A plot of each family that there are figures for, and twice the same."""
    def drawn(run, folder):
        folder.mkdir()
        names = plots.all_plots(run, folder)
        assert sorted(path.name for path in folder.iterdir()) == sorted(
            f"{name}.{kind}" for name in names for kind in ("png", "svg"))
        return names

    def files(folder):
        return {path.name: path.read_bytes() for path in folder.iterdir()}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        assert drawn(reported(), folder / "all") == DRAWN
        assert drawn(run_of(), folder / "few") == ["receive", "where"]
        for again in ("memory", "memory again"):
            assert drawn(figures.Figures({}, figures.parse(SCALE)), folder / again) == ["memory"]
        assert files(folder / "memory") == files(folder / "memory again")
        # Nobody has forgotten to add one to the report.
        kept = {path.name for path in (TOP / "Documentation/performance").iterdir()
                if path.suffix in (".png", ".svg")}
        assert kept == set(files(folder / "all")), kept


def cited(run):     # pylint: disable=too-many-locals
    """What index.rst says with figures in it: texts, and the numbers that belong there."""
    parts = {part: (float(single), float(burst))
             for part, single, burst in cells(tables.parts(run))[1:]}
    alone, eighth = ({part: both[at] for part, both in parts.items()} for at in (0, 1))
    exception, lookup = "exception, and which IRQ it is", "KVM's lookup of the translation"
    memory = dict(tables.memory_of_each(run))

    def receive(path, size, cpu="other"):
        return run.get("receive", path, "instructions", cpu=cpu, burst=size)

    def exact(path, name, load="saturation"):
        return run.get("delivery_exact", path, name, load=load)

    def unused(what, path):
        return run.get("unused", path, "instructions", what=what)

    def same(path, name, load="saturation"):
        return run.get("delivery_same_exact", path, name, load=load)

    def exits(path, load="saturation"):
        return run.get("delivery", path, "exits", load=load)

    def scale(path):
        return run.get("scale", path, "instructions", vms=1, vcpus=1, sources=2048, burst=8)

    def attach(path, vms, vcpus, sources, name="attach_us"):
        return run.get("attach", path, name, vms=vms, vcpus=vcpus, sources=sources)

    def latency(path, load):
        return targets.latency_of(run, path, load, "median_ns")

    def coalesced(path, name="exits"):
        return run.get("coalesced", path, name, device_us=50)

    def change(ours, *of):
        return receive(ours, *of) / receive("stock", *of) - 1

    def row(text, figure, paths="stock volley - -", form="{:,.0f}"):
        """A row of the last table: a figure of each of these."""
        return " ".join((text, *("-" if path == "-" else form.format(figure(path))
                                 for path in paths.split()), "")),

    yield ("({:.0f} and {:.0f} by Volley, for bursts of 1 and of 8; "
           "{:.0f} and {:.0f} on the stock path)",
           *(receive(path, size) - targets.traced(run, path, size)
             for path in ("volley", "stock") for size in (1, 8)))
    yield "received {:.0f} {:.0f} by the counter", receive("stock", 8), receive("volley", 8)
    yield ("traced {:.0f} {:.0f} by the trace",
           targets.traced(run, "stock", 8), targets.traced(run, "volley", 8))
    yield "(scale) {:.0f} {:.0f} by the counter", scale("stock"), scale("volley")
    yield ("({:.3f} and {:.3f} for an interrupt at high load here",
           exits("volley", "high"), exits("stock", "high"))
    yield "The trace has {:.0f} for one of eight", eighth["all"]
    yield ("{:.1f} are the flow handler's, {:.1f} are KVM's lookup of what an MSI is translated to "
           "and {:.1f} read the message that is looked up, {:.1f} put the interrupt on the vCPU's "
           "list, {:.1f} count it, {:.1f} are locks and references, and {:.1f} veneers.",
           *(eighth[part] for part in ("flow handler", lookup, "the message to be looked up",
                                       "the vCPU's list", "counting", "locks and references",
                                       "veneers")))
    yield ("share is the exception, {:.1f}, and the kick, {:.1f}. "
           "Without these two it would be {:.0f},",
           eighth[exception], eighth["kick"], eighth["all"] - eighth[exception] - eighth["kick"])
    yield ("{:.1f} for the exception and {:.1f} for the kick, {:.1f} in the flow handler, and {:.1f} "
           "for all the rest. The sum is {:,.0f},",
           alone[exception], alone["kick"], alone["flow handler"],
           alone["all"] - alone[exception] - alone["kick"] - alone["flow handler"], alone["all"])
    yield ("the counter has {:,.0f}. Of \"taken and ended only\", which has neither a kick nor "
           "anything to queue, it has {:.0f}.", receive("volley", 1), receive("floor", 1))
    yield ("Without Volley there are {:.3f} for each interrupt, with it {:.3f}.",
           exits("stock"), exits("volley"))
    yield ("the guest has {:.2f} of its CPU's instructions, and {:.2f} on the stock path. The host "
           "spends as many on each interrupt ({:,.0f} and {:,.0f})",
           exact("volley", "guest_share"), exact("stock", "guest_share"),
           exact("volley", "host_instructions"), exact("stock", "host_instructions"))
    for name in ("exits", "kicks"):
        yield row(f"{name} for an interrupt, idle load", lambda path, name=name: exact(
            path, name, "idle"), form="{:.2f}")
    yield row("exits at middle load, own CPU", lambda path: same(path, "exits", "middle"),
              "stock volley window50 -", "{:.2f}")
    yield row("host's instructions, saturation, own CPU",
              lambda path: same(path, "host_instructions"))
    for window in ("window10", "window50", "window200"):
        yield row("alone", lambda path: receive(path, 1), f"stock volley {window} adaptive")
        yield row("one of two", lambda path: receive(path, 2), f"stock volley {window} adaptive")
    for text, name in (("one of ten takes as many", "p90"), ("mean", "mean")):
        yield row(f"alone: {text}", lambda path, name=name: run.get(
            "receive", path, name, cpu="other", burst=1), "stock - - adaptive")
    for text, size in (("alone", 1), ("one of eight", 8)):
        yield row(f"{text}, own CPU", lambda path, size=size: receive(path, size, "same"))
    yield ("(Taken and ended only, they take {:,.0f} and {:,.0f} there.)",
           receive("floor", 1, "same"), receive("floor", 8, "same"))
    for load, paths in (("low", "stock volley window50 -"), ("middle", "stock volley - adaptive"),
                        ("high", "stock - - adaptive")):
        yield row(f"latency at {load} load, ns", lambda path, load=load: latency(path, load), paths)
    yield row("latency at middle load, 99%, ns", lambda path: targets.latency_of(
        run, path, "middle", "p99_ns"), "stock - - adaptive")
    yield row("latency beside a noisy VM, ns", lambda path: run.get(
        "noisy", path, "median_ns", neighbour="noisy"))
    yield "(With GICv4 it is {:.0f}.)", run.get("noisy", "gicv4", "median_ns", neighbour="noisy")
    for path in ("volley", "stock"):
        yield ("{:,.0f} and {:,.0f}, to the instruction, are those without the module.",
               unused("interrupt_without_vm", path), unused("exit_and_entry", path))
    yield "however few kicks there are (adaptive, {:.3f}).", exits("adaptive")
    yield ("{:,.0f} instructions ({:+.0%}), and on the vCPU's own CPU {:,.0f} ({:+.0%}). One of two "
           "takes {:,.0f}.", receive("disabled", 1), change("disabled", 1),
           receive("disabled", 1, "same"), change("disabled", 1, "same"), receive("disabled", 2))
    yield "after {:.0f} ns in the median.", latency("gicv4", "middle")
    for text, *of in (("attaching, 2,048 of one VM", 1, 1, 2048),
                      ("attaching, 72 of 64 VMs", 64, 8, 72),
                      ("attaching, 2,048 of 64 VMs", 64, 8, 2048),
                      ("detaching, 2,048 of one VM", 1, 1, 2048, "detach_us")):
        yield row(f"{text}, us each", lambda path, of=of: attach(path, *of), form="{:.1f}")
    yield ("Memory is {} kB for each source, and {} kB for each VM of eight vCPUs.",
           memory["each source"], memory["each VM of 8 vCPUs"])
    yield row("exits for an event, device that coalesces", coalesced,
              "stock volley window10 adaptive", "{}")
    yield ("of {} interrupts for an event the guest takes {},",
           *(coalesced("window10", name) for name in ("irqs", "taken")))
    yield "({} with 200).", coalesced("window200")


def documents_have_the_figures():
    text = " ".join((TOP / "Documentation/performance/index.rst").read_text().split())
    for sentence, *numbers in cited(reported()):
        assert sentence.format(*numbers) in text, sentence.format(*numbers)


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


CASES = (reads, tells_commits, keeps, compares, status_of_compare, judges, shows, tells_cpus_apart,
         divides_memory, readme_has_the_figures, page_is_of_the_figures, draws,
         documents_have_the_figures, counts_a_trace)


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
