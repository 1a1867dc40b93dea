#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Drives the live view of scripts/volley-top in a terminal; prints KTAP."""

import re
import shutil
import signal
import sys

sys.dont_write_bytecode = True

from made_up import COUNTERS, run, same


def order(*names):
    return re.compile("".join(rf"^{name} .*\n(?:.*\n)*" for name in names), re.MULTILINE)


def shows(host):
    with host.usual().live("--interval", "0.2") as session:
        session.expect("volley-top: by RECV, every 0.2 s; VMs: 3, interrupts: 3, list registers: 4", "RECV/s", "q quit",
                       order("99-12", "100-9", "5000-3"))
        assert session.screen.alternate and session.screen.hidden
        # As much as fits between two reads that are not too far apart.
        for count in range(2000, 900000, 2000):
            host.put("vms/100-9", received=count)
            if session.read(0.02) and order("100-9", "99-12").search("\n".join(session.screen.lines())):
                break
        session.expect(order("100-9", "99-12", "5000-3"))
        session.send("h")
        session.expect("mean volley: interrupts that a vCPU got at once", "windows by microseconds", "change max_usecs",
                       "any key: back")
        session.send("x")
        session.expect("RECV/s")
        session.send("q")
        same((*session.end(), session.screen.unknown), (0, True, []))


def sorts(host):
    with host.usual().live("--interval", "3600", "--sort", "kicks_held") as session:
        session.expect("by HELD", order("100-9", "99-12", "5000-3"))
        session.send("s")
        session.expect("by HOLD", order("100-9", "99-12", "5000-3"))
        session.send("s")
        session.expect("by SAVED", order("100-9", "99-12", "5000-3"))
        session.send("r")
        session.expect("by SAVED (reverse)", order("5000-3", "99-12", "100-9"))
        session.send("r", "S", "S", "S")
        session.expect("by VOLLEY", order("99-12", "100-9", "5000-3"))
        session.send(*"ssssss")
        session.expect("by VM", order("99-12", "100-9", "5000-3"))


def opens(host):
    with host.usual().live("--interval", "3600") as session:
        session.expect("99-12")
        session.send("enter")
        session.expect("interrupts of 99-12", re.compile("^ +50 +1 +8192 msi +0 +8000 +7000 +1000 +0 +8000$", re.M),
                       re.compile("^ +51 ", re.M))
        assert not any(line.startswith("     9 ") for line in session.screen.lines())
        session.send("b", "down", "enter")
        session.expect("interrupts of 100-9", re.compile("^ +9 +0 +-1 ", re.M))
        session.send("escape")
        session.expect("VMs: 3")
        session.send("up", "up", "enter")
        session.expect("interrupts of 99-12")
        shutil.rmtree(host.path / "vms/99-12")
        session.send(" ")
        session.expect("99-12 has gone", "VMs: 2")


def tells_why(host):
    host.usual().more("99-12", [300, 149, 0, 0, 0, 0, 1], [0] * 7 + [38, 2], kicks_sent_off=440, kicks_sent_time=10,
                      kicks_sent_count=0, kicks_saved_exit=30, kicks_saved_shared=20, to_host_handler=0)
    with host.live("--interval", "3600") as session:
        session.expect("99-12")
        session.send("enter")
        session.expect("interrupts of 99-12", re.compile(
            r"^sent: +off 440, time 10\nsaved: +exit 30, shared 20\nto host: +none\n"
            r"volleys of: +1\+ 300, 2\+ 149, 64\+ 1\nheld usecs: +64\+ 38, 128\+ 2\nq quit", re.M))
        # Per second, as soon as there is an interval.
        session.send(" ")
        session.expect(re.compile(r"^sent/s: +none\nsaved/s: +none\nto host/s: +none\nvolleys of/s: none\n", re.M))
        session.resize(15, 80)
        session.expect(re.compile(r"^ +51 .*\n+q quit", re.M))
        session.resize(24, 80)
        # An older module has none of these files.
        session.send("b", "down", "enter")
        session.expect("interrupts of 100-9", re.compile(
            r"^sent/s: +-\nsaved/s: +-\nto host/s: +-\nvolleys of/s: -\nheld usecs/s: -\nq quit", re.M))
        same(session.screen.unknown, [])


def changes(host):
    host.usual()
    usecs, irqs = (host.path / "vms/100-9" / name for name in ("max_usecs", "max_irqs"))
    with host.live("--interval", "3600") as session:
        session.expect("100-9")
        session.send("j", "u", "7", "6", "backspace", "5")
        session.expect("max_usecs of 100-9 (now 50), Esc leaves it: 75")
        session.send("enter")
        session.expect("100-9: max_usecs is 75 now")
        same(usecs.read_text(), "75\n")
        session.send("u", "9", "escape")
        session.expect("q quit")
        same(usecs.read_text(), "75\n")
        session.send("i", "q", "8", "enter")
        session.expect("100-9: max_irqs is q8 now")
        same(irqs.read_text(), "q8\n")
        session.send("a")
        session.expect("100-9: adaptive is 1 now", re.compile("^100-9 .* ~75 ", re.M))
        session.send("a")
        session.expect("100-9: adaptive is 0 now", re.compile("^100-9 .* 75 ", re.M))
        usecs.unlink()
        usecs.symlink_to("/dev/full")
        session.send("enter", "u", "5", "enter")
        session.expect("interrupts of 100-9", "100-9: max_usecs not changed: No space left on device")
        session.send("q")
        same(session.end(), (0, True))


def resizes(host):
    for number in range(1, 40):
        host.vm(f"7{number:02}-1", [number * 10000000] * len(COUNTERS))
    with host.live("--interval", "3600") as session:
        session.expect("739-1", "720-1", "q quit")
        assert "719-1" not in "\n".join(session.screen.lines())
        for height, width, seen in ((50, 120, "701-1"), (10, 40, "734-1"), (3, 20, "q quit  s sort"), (1, 2, "q")):
            session.resize(height, width)
            session.expect(seen)
        session.resize(24, 80)
        session.expect("739-1", "720-1", "q quit")
        session.send(*["down"] * 30)
        session.expect("709-1")
        assert "739-1" not in "\n".join(session.screen.lines())


def ends(host):
    """However it ends, the terminal is as it was."""
    host.usual()
    for number, status in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)):
        with host.live() as session:
            session.expect("q quit")
            session.process.send_signal(number)
            same((*session.end(), "\n".join(session.screen.lines()).count("Traceback")), (status, True, 0))
    with host.live("--interval", "0.1") as session:
        session.expect("q quit")
        host.path.rename(host.path.parent / "unloaded")
        same(session.end(), (1, True))
        session.expect("volley-top: the module volley is not loaded")
    (host.path.parent / "unloaded").rename(host.path)
    with host.live(TERM="no-such") as session:
        same(session.end()[0], 1)
        session.expect("this terminal (TERM=no-such) will not do")


CASES = [shows, sorts, opens, tells_why, changes, resizes, ends]

if __name__ == "__main__":
    sys.exit(run(CASES))
