#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Shows scripts/volley-top folders made up for it; prints KTAP."""

import contextlib
import errno
import importlib.machinery
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
from unittest import mock

sys.dont_write_bytecode = True

from made_up import ARRIVALS, COUNTERS, LOUD, NONE, QUIET, SIZES, TOP, USECS, run, same
from volley_top import data, table


def program():
    """scripts/volley-top as a module."""
    loader = importlib.machinery.SourceFileLoader("program", str(TOP))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("program", loader))
    loader.exec_module(module)
    return module


def reads_what_is_there(host):
    host.usual().put("vms/99-12", volley_sizes="1 2 3", consumed="many", enabled="", kicks_sent_off="few")
    host.put("vms/99-12/vcpus/0", received=7)
    host.put("", state="x")
    (host.path / "vms/99-12/merged").unlink()
    found = host.read(0)["vms"]
    same(list(found), ["99-12", "100-9", "5000-3"])
    counts = dict(zip(COUNTERS, LOUD))
    same(found["99-12"]["counters"], {**counts, "merged": None, "consumed": None})
    # A file in a folder's place, and no number for a reason.
    same((found["99-12"]["reasons"], found["99-12"]["histograms"]),
         ({"to_host": {}, "kicks_sent": {}, "kicks_saved": {}}, {"volley_sizes": {}, "held_usecs": {}}))
    same((found["99-12"]["enabled"], found["99-12"]["max_irqs"]), (None, 16))
    same(host.read(0)["irqs"]["9"]["intid"], -1)
    assert "-" in host.run("--once", "--interval", "0").splitlines()[3]


def rates(host):
    host.usual()
    first = host.read(100.0)
    host.vm("99-12", [count + 50 for count in LOUD])
    host.irq(50, "99-12", [8040, 7030, 1010, 0, 0, 0])
    found = data.evaluate(first, host.read(104.0))
    same(found["interval"], 4.0)
    same(found["vms"]["99-12"]["rates"], dict.fromkeys(COUNTERS, 12.5))
    same(found["vms"]["100-9"]["rates"], dict.fromkeys(COUNTERS, 0.0))
    same(found["irqs"]["50"]["rates"], dict(zip(ARRIVALS, [10.0, 7.5, 2.5, 0.0, 0.0, 0.0])))
    # Of these 50 of each: 50 kicks for 100 interrupts; volleys of one, windows of 1 us.
    same(quotients(found["vms"]["99-12"]), (0.5, 1.0, 1.0))
    same(quotients(found["vms"]["100-9"]), (None, None, None))


def quotients(vm):
    return vm["kicks_per_interrupt"], vm["mean_volley"], vm["mean_held_usecs"]


def quotients_of_one_read(host):
    found = data.evaluate(None, host.usual().read(1.0))["vms"]
    same(quotients(found["100-9"]), (0.125, 2.0, 50.0))
    same(quotients(found["5000-3"]), (None, None, None))


def parts(host):
    """Reasons and buckets: whatever there is, in the interval."""
    host.usual().more("99-12", [5, 4], [3, 0, 1], kicks_sent_off=7, kicks_saved_exit=8, to_host_new=2)
    host.put("irqs/50", to_host_refused=3)
    first = host.read(100.0)
    host.more("99-12", [6, 4, 0, 8], [3, 0, 5], kicks_sent_off=11, kicks_saved_exit=8, kicks_sent_new=4, to_host_new=2)
    host.put("irqs/50", to_host_refused=5)
    second = host.read(102.0)
    found = data.evaluate(first, second)
    vm = found["vms"]["99-12"]
    same(vm["reasons"], {"to_host": {"new": 2}, "kicks_sent": {"new": 4, "off": 11}, "kicks_saved": {"exit": 8}})
    same(vm["reason_rates"], {"to_host": {"new": 0.0}, "kicks_sent": {"new": 2.0, "off": 2.0},
                              "kicks_saved": {"exit": 0.0}})
    same(list(vm["histograms"]["volley_sizes"].items()), list(zip(SIZES, [6, 4, 0, 8, 0, 0, 0])))
    same(list(vm["histograms"]["held_usecs"]), USECS)
    same(list(vm["histogram_rates"]["volley_sizes"].values()), [0.5, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0])
    same(vm["histogram_rates"]["held_usecs"]["2"], 2.0)
    same(found["irqs"]["50"]["reason_rates"], {"to_host": {"refused": 1.0}})
    # As wide as the table, at most.
    long = {"reasons": dict.fromkeys(vm["reasons"], {f"reason{number}": 2 ** 64 - 1 for number in range(20)}),
            "histograms": dict.fromkeys(vm["histograms"], dict.fromkeys(USECS, 2 ** 64 - 1))}
    lines = table.details({"interval": None, "vms": {"1-1": long}}, "1-1")
    same([len(line) for line in lines], [79] * 5)
    # It began anew: what is there has come since.
    host.more("99-12", [1, 4, 0, 8], [3, 0, 5])
    vm = data.evaluate(second, host.read(104.0))["vms"]["99-12"]
    same((vm["rates"]["received"], vm["histogram_rates"]["volley_sizes"]["2"]), (4500.0, 2.0))


def older_module(host):
    """What it does not have is absent, and all else is there."""
    for vm in ("99-12", "100-9"):
        host.vm(vm, LOUD)
        for name in ("volleys", "volley_irqs", "windows", "held_usecs_total"):
            (host.path / "vms" / vm / name).unlink()
    found = json.loads(host.run("--json", "--interval", "0"))["vms"]["99-12"]
    same((list(found["counters"]), list(found["counters"].values())), (COUNTERS, LOUD[:10] + [None] * 4))
    same(quotients(found), (0.05, None, None))
    same(found["reasons"]["kicks_saved"], {})
    same(host.run("--once", "--interval", "0").splitlines()[2].split(),
         "99-12 9000 8000 1000 0.05 - 40 - 50 0 4".split())
    samples = parse_prometheus(host.run("--prometheus"))
    assert not any("windows" in name or "reason" in name or "bucket" in name for name, _ in samples)
    same(samples["volley_vm_kicks_sent_total", (("vm", "99-12"),)], 450)


def counters_that_restart(host):
    host.usual()
    first = host.read(0.0)
    # Less than before in one of them; more than before, but another folder; new.
    host.vm("100-9", [1100, 700, 200, 150, 50, 400, 20, 90, 300, 300, 600, 80, 4000])
    os.rename(host.path / "vms/99-12", host.path / "old")
    host.vm("99-12", [count * 2 for count in LOUD])
    host.vm("7-7", QUIET)
    found = data.evaluate(first, host.read(2.0))["vms"]
    same(found["100-9"]["rates"]["received"], 550.0)
    same(found["99-12"]["rates"]["received"], 9000.0)
    same(found["7-7"]["rates"]["received"], 500.0)
    assert all(rate >= 0 for vm in found.values() for rate in vm["rates"].values())


def gone_while_it_is_read(host):
    host.usual()
    volley, listdir, stat = data.Volley(str(host.path)), os.listdir, os.stat
    with mock.patch("os.listdir", lambda path: [*listdir(path), "1-1"]):
        same(list(volley.read()["vms"]), ["99-12", "100-9", "5000-3"])
    # A file that was open already.
    with mock.patch("builtins.open", side_effect=OSError(errno.ENODEV, "No such device")):
        found = volley.read()
        same(set(found["vms"]["99-12"]["counters"].values()), {None})
        table.rows(data.evaluate(found, {**found, "time": found["time"] + 1}), "vms")
    # Its name is another's by the end.
    numbers = iter(range(1, 99))

    def another(path):
        found = stat(path)
        return mock.Mock(st_ino=next(numbers)) if "vms/" in path else found

    with mock.patch("os.stat", another):
        same(volley.read()["vms"], {})


def sorts(host):
    found = table.rows(data.evaluate(None, host.usual().read(0)), "vms")

    def order(key, **options):
        return [row["vm"] for row in table.sort(found, key, **options)]

    same(order("vm"), ["99-12", "100-9", "5000-3"])
    same(order("received"), ["99-12", "100-9", "5000-3"])
    same(order("received", reverse=True), ["5000-3", "100-9", "99-12"])
    same(order("kicks_held"), ["100-9", "99-12", "5000-3"])
    same(order("mean_volley"), ["99-12", "100-9", "5000-3"])
    same(order("mean_volley", reverse=True), ["100-9", "99-12", "5000-3"])
    same(order("kicks_per_interrupt"), ["100-9", "99-12", "5000-3"])
    same(order("mean_held_usecs"), ["100-9", "99-12", "5000-3"])
    for key, _, _ in table.COLUMNS["vms"]:
        same(sorted(order(key)), ["100-9", "5000-3", "99-12"])
        listed = [line.split()[0] for line in host.run("--once", "--interval", "0", "--sort", key).splitlines()[2:]]
        same(listed, order(key))


def columns_hold(host):
    for kind in ("vms", "irqs"):
        for key, _, width in table.COLUMNS[kind]:
            for value in (None, 0, 0.04, 9.99, 123456, 2 ** 64 - 1, 1e9, "4194304-65536-x", "\x1b[31m"):
                cell = table.cell(key, value, width)
                assert len(cell) == width and cell.isprintable(), f"{key}: {value!r} is {cell!r}"
    host.vm("4194304-65535", [2 ** 64 - 1] * len(COUNTERS), max_usecs=10000, max_irqs=1024)
    output = host.run("--once", "--interval", "0").splitlines()
    same([len(line) for line in output[1:]], [79, 79])
    assert output[2].endswith("10000 1024")


def prints_once(host):
    output = host.usual().run("--once", "--interval", "0").splitlines()
    same(output[0], "VMs: 3, interrupts: 3, list registers: 4")
    same(output[1].split(), "VM RECV FORW MERG K/INT VOLLEY HELD HOLD SAVED USECS IRQS".split())
    same(output[2].split(), "99-12 9000 8000 1000 0.05 18.00 40 25 50 0 16".split())
    same(output[3].split(), "100-9 1000 600 200 0.12 2.00 90 50 300 50 4".split())
    same(output[4].split(), "5000-3 0 0 0 - - 0 - 0 off 4".split())
    # What is adaptive is so much at most; without a window it makes no difference. Sorted
    # it is like a fixed window.
    for usecs, seen in ((0, "0"), (50, "~50"), (9999, "~9999"), (10000, "~10k")):
        host.put("vms/100-9", adaptive=1, max_usecs=usecs)
        line = host.run("--once", "--interval", "0").splitlines()[3]
        same((line.split()[-2], len(line)), (seen, 79))
    host.put("vms/99-12", adaptive=1, max_usecs=50)
    host.put("vms/5000-3", enabled=1, max_usecs=100)
    lines = host.run("--once", "--interval", "0", "--sort", "max_usecs").splitlines()[2:]
    same([line.split()[-2] for line in lines], ["~10k", "100", "~50"])
    titles = host.run("--once", "--interval", "0.1").splitlines()[1]
    same((titles.split()[:4], len(titles)), (["VM", "RECV/s", "FORW/s", "MERG/s"], 79))


def json_is_stable(host):
    found = json.loads(host.usual().run("--json", "--interval", "0"))
    same(sorted(found), ["adaptive", "interval", "irqs", "list_registers", "max_irqs", "max_usecs", "version", "vms"])
    same((found["version"], found["interval"], found["list_registers"], found["max_irqs"]), ("0.1.0", None, 4, 4))
    for vm in found["vms"].values():
        same(sorted(vm), ["adaptive", "counters", "enabled", "histogram_rates", "histograms", "kicks_per_interrupt",
                          "max_irqs", "max_usecs", "mean_held_usecs", "mean_volley", "rates", "reason_rates",
                          "reasons"])
        same((list(vm["counters"]), list(vm["rates"])), (COUNTERS, COUNTERS))
        for key in ("reasons", "reason_rates"):
            same(list(vm[key]), ["to_host", "kicks_sent", "kicks_saved"])
        for key in ("histograms", "histogram_rates"):
            same(list(vm[key]), ["volley_sizes", "held_usecs"])
    for irq in found["irqs"].values():
        same(sorted(irq), ["counters", "gsi", "handler", "histogram_rates", "histograms", "intid", "rates", "reason_rates",
                           "reasons", "urgent", "vcpu", "vm"])
        same((list(irq["counters"]), list(irq["rates"])), (ARRIVALS, ARRIVALS))
    same(list(found["vms"]["99-12"]["counters"].values()), LOUD)
    same(found["irqs"]["50"]["vm"], "99-12")
    found = json.loads(host.run("--json", "--interval", "0.1"))
    assert found["interval"] >= 0.1
    same(set(found["vms"]["99-12"]["rates"].values()), {0})


def parse_prometheus(text):
    """The text format, strictly. Returns the samples: (name, labels) to value."""
    samples, families, current = {}, {}, None
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        if comment := re.fullmatch(r"# (HELP|TYPE) ([a-z_]+) (.+)", line):
            what, current, rest = comment.groups()
            family = families.setdefault(current, {})
            assert what not in family and "samples" not in family, line
            assert what == "HELP" or "HELP" in family and rest in ("counter", "gauge", "histogram"), line
            family[what] = rest
            continue
        sample = re.fullmatch(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\d+)', line)
        assert sample, f"no sample: {line!r}"
        name, inside, value = sample.groups()
        kind = families[current].get("TYPE")
        suffix = name[len(current):]
        assert name.startswith(current) and kind, line
        assert suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",)), line
        same(name.endswith("_total"), kind == "counter", line)
        same('le="' in (inside or ""), suffix == "_bucket", line)
        families[current]["samples"] = True
        labels = re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"(?:,|$)', inside or "")
        labels = tuple((key, re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), text)) for key, text in labels)
        assert (name, labels) not in samples, f"twice: {line}"
        samples[name, labels] = int(value)
    return samples


def prometheus_is_valid(host):
    host.usual().vm('a"b\\n\n', LOUD)
    host.irq(60, "gone-1", [1, 2, 3, 4, 5, 6], urgent=1)
    host.put("vms/100-9", adaptive=1)
    (host.path / "irqs/60/merged").unlink()
    found = parse_prometheus(host.run("--prometheus"))
    expected = {("volley_info", (("version", "0.1.0"),)): 1, ("volley_list_registers", ()): 4,
                ("volley_max_usecs", ()): 0, ("volley_max_irqs", ()): 4, ("volley_adaptive", ()): 0}
    for name, counts, values in (("99-12", LOUD, (1, 0, 16, 0)), ("100-9", QUIET, (1, 50, 4, 1)),
                                 ("5000-3", NONE, (0, 0, 4, 0)), ('a"b\\n\n', LOUD, (1, 0, 4, 0))):
        label = (("vm", name),)
        # The rest comes with histograms.
        expected.update(((f"volley_vm_{key}_total", label), n) for key, n in zip(COUNTERS, counts)
                        if key not in ("volleys", "volley_irqs", "held_usecs_total"))
        expected.update(zip([(f"volley_vm_{key}", label) for key in ("enabled", "max_usecs", "max_irqs", "adaptive")],
                            values))
    for irq, vm, counts in (("50", "99-12", [8000, 7000, 1000, 0, 0, 0]), ("51", "99-12", [1000, 1000, 0, 0, 0, 0]),
                            ("9", "100-9", QUIET), ("60", "gone-1", [1, 2, None, 4, 5, 6])):
        expected["volley_irq_urgent", (("vm", vm), ("irq", irq))] = int(irq == "60")
        expected.update(((f"volley_irq_{key}_total", (("vm", vm), ("irq", irq))), n)
                        for key, n in zip(ARRIVALS, counts) if n is not None)
    same(found, expected)


def prometheus_has_histograms(host):
    host.usual().more("100-9", [100, 150, 0, 0, 0, 0, 50], [1, 2, 3, 0, 0, 0, 70, 0, 0, 0, 0, 0, 0, 0, 4],
                      kicks_sent_off=60, kicks_saved_exit=20)
    host.put("irqs/50", to_host_refused=3)
    found = parse_prometheus(host.run("--prometheus"))
    vm = ("vm", "100-9")
    for name, bounds, counts, total in (
            ("volley_sizes", ["1", "3", "7", "15", "31", "63", "+Inf"], [100, 250, 250, 250, 250, 250, 300], 600),
            ("held_usecs", ["0", "1", "3", "7", "15", "31", "63", "127", "255", "511", "1023", "2047", "4095", "8191",
                            "+Inf"], [1, 3, 6, 6, 6, 6, *[76] * 8, 80], 4000)):
        same([(labels[1][1], n) for (key, labels), n in found.items() if key == f"volley_vm_{name}_bucket"],
             list(zip(bounds, counts)))
        same((found[f"volley_vm_{name}_sum", (vm,)], found[f"volley_vm_{name}_count", (vm,)]), (total, counts[-1]))
        # No other VM has one.
        same([labels for key, labels in found if key == f"volley_vm_{name}_sum"], [(vm,)])
    same(found["volley_vm_kicks_sent_by_reason_total", (vm, ("reason", "off"))], 60)
    same(found["volley_vm_kicks_saved_by_reason_total", (vm, ("reason", "exit"))], 20)
    same(found["volley_irq_to_host_by_reason_total", (("vm", "99-12"), ("irq", "50"), ("reason", "refused"))], 3)
    # Without a sum there is none.
    (host.path / "vms/100-9/volley_irqs").unlink()
    found = parse_prometheus(host.run("--prometheus"))
    assert not any(name.startswith("volley_vm_volley_sizes") for name, _ in found)


def nothing_attached(host):
    same(host.run("--once", "--interval", "0").splitlines()[0], "VMs: 0, interrupts: 0, list registers: 4")
    same(json.loads(host.run("--json", "--interval", "0"))["vms"], {})
    same(len(parse_prometheus(host.run("--prometheus"))), 5)


def not_loaded(host):
    shutil.rmtree(host.path)
    for form in ([], ["--once"], ["--json"], ["--prometheus"]):
        output, errors = host.run(*form, status=1)
        same((output, errors.count("\n")), ("", 1))
        assert "is not loaded" in errors and str(host.path) in errors, errors


def may_not_be_read(host):
    module, errors = program(), io.StringIO()
    with mock.patch.dict(os.environ, {"VOLLEY_SYSFS": str(host.path)}), mock.patch("sys.argv", [str(TOP), "--once"]), \
            mock.patch("builtins.open", side_effect=PermissionError(errno.EACCES, "Permission denied", "version")), \
            contextlib.redirect_stderr(errors):
        same(module.main(), 1)
    same(errors.getvalue(), "volley-top: [Errno 13] Permission denied: 'version'\n")


def writes(host):
    host.usual()
    volley, file = data.Volley(str(host.path)), host.path / "vms/99-12/max_usecs"
    same(volley.write("99-12", "max_usecs", "75"), "99-12: max_usecs is 75 now")
    same(file.read_text(), "75\n")
    file.unlink()
    assert "not changed: No such file" in volley.write("99-12", "max_usecs", "80")
    assert not file.exists()
    for number, why in ((errno.EACCES, "only root"), (errno.ERANGE, "out of range"), (errno.EINVAL, "Invalid argument"),
                        (errno.ENODEV, "has gone")):
        with mock.patch("os.open", side_effect=OSError(number, os.strerror(number))):
            said = volley.write("99-12", "max_irqs", "80")
            assert said.startswith("99-12: max_irqs not changed: ") and why in said, said


def bad_arguments(host):
    for wrong in (["--interval", "0"], ["--interval", "x"], ["--interval", "-1", "--once"], ["--interval", "nan"],
                  ["--sort", "x"], ["--once", "--json"], ["more"]):
        _, errors = host.run(*wrong, status=2)
        assert "volley-top: error:" in errors, errors
    for text in ("--once", "--json", "--prometheus", "--interval", "--sort"):
        assert text in host.run("--help")
    assert "needs a terminal" in host.run(status=1)[1]


def nobody_reads_it(host):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([TOP, "--prometheus"], env={**os.environ, "VOLLEY_SYSFS": str(host.path)}, stdout=writer,
                          stderr=subprocess.PIPE, check=False)
    os.close(writer)
    same((done.returncode, done.stderr), (0, b""))


CASES = [reads_what_is_there, rates, quotients_of_one_read, parts, older_module, counters_that_restart,
         gone_while_it_is_read, sorts, columns_hold, prints_once, json_is_stable, prometheus_is_valid,
         prometheus_has_histograms, nothing_attached, not_loaded, may_not_be_read, writes, bad_arguments, nobody_reads_it]

if __name__ == "__main__":
    sys.exit(run(CASES))
