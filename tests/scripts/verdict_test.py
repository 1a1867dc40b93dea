#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Feeds scripts/verdict logs of good and bad runs; prints KTAP."""

import pathlib
import subprocess
import sys
import tempfile

VERDICT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "verdict"

CONSOLE = """\
[    0.000000] Linux version 7.3.4+deb13-arm64
[    0.000000] Kernel command line: console=ttyAMA0 oops=panic rcupdate.rcu_cpu_stall_timeout=60
[    1.000000] volley-machine: start
[    1.500000] volley-machine: test 1: WARNING: is only a name
{extra}[    2.000000] volley-machine: end
"""
END = "# volley-machine: end, status 0\n"
GOOD = "KTAP version 1\n1..2\n# 1: a\nok 1 a\n# 2: b\nok 2 b\n"
NESTED = """\
KTAP version 1
1..2
# 1: many
  TAP version 13
  1..3
  ok 1 - one # with a remark
  ok 2 - two # SKIP no device
    KTAP version 1
    1..1
    ok 1 deep
  ok 3 three
ok 1 many
# 2: plain
  it prints whatever it likes
ok 2 plain
"""


# The second subtest says a lot and fails; the others say something as well.
TALKATIVE = """\
KTAP version 1
1..1
# 1: many
  TAP version 13
  1..3
  #  RUN   one
  # of one
  ok 1 one
  #  RUN   two
  two_test.c:7: expected 1 == 2
{many}  # two: Test failed
  not ok 2 two
  #  RUN   three
  # of three
  ok 3 three
  # Totals: pass:2 fail:1
not ok 1 many # status 1
"""


def case(name, counts, expect="", results=GOOD + END, console=CONSOLE, extra="", status=0, ktap=True,
         absent=()):
    """A run, the counts it must come to, and what must (not) be printed about it."""
    expect = [expect] if isinstance(expect, str) else expect
    return name, counts, expect, absent, results, console.format(extra=extra), status, ktap


def talkative(name, expect, absent=(), many=0):
    """Failures of TALKATIVE, with so many lines more."""
    lines = "".join(f"  # line {i}\n" for i in range(many))
    return case(name, "3 1 0", expect, absent=absent, results=TALKATIVE.format(many=lines) + END)


def complaint(text):
    return case(f"kernel says {text.split(':')[0]}", "2 1 0", "the kernel says",
                extra=f"[    1.600000] {text}\n")


CASES = [
    case("a good run", "3 0 0"),
    case("subtests are counted, their parents are not", "4 0 1", "many: two: no device",
         results=NESTED + END),
    case("a skipped test", "2 0 1", results=GOOD.replace("ok 2 b", "ok 2 b # SKIP") + END),
    case("a skipped list of subtests", "2 0 1",
         results=GOOD.replace("ok 2 b", "  1..0 # SKIP\nok 2 b # SKIP no KVM") + END),
    case("a command that ends well", "1 0 0", results="free text\nnot ok 1 x\n" + END, ktap=False),
    # The tests.
    case("a failed test", "2 1 0", "b: status 1",
         results=GOOD.replace("ok 2 b", "not ok 2 b # status 1") + END),
    case("a failed subtest", "3 1 1", "many: one",
         results=NESTED.replace("ok 1 - one", "not ok 1 - one").replace("ok 1 many", "not ok 1 many") + END),
    case("a failed subtest under an ok", "3 2 1", "says ok, although",
         results=NESTED.replace("ok 1 - one", "not ok 1 - one") + END),
    case("a failed subtest far below an ok", "3 3 1", "says ok, although",
         results=NESTED.replace("    ok 1 deep", "    not ok 1 deep") + END),
    case("a subtest that is missing", "3 1 1", "2 of 3 tests reported",
         results=NESTED.replace("  ok 1 - one # with a remark\n", "").replace("  ok 2", "  ok 1")
         .replace("  ok 3", "  ok 2") + END),
    case("a subtest too many", "5 1 1", "4 of 3 tests reported",
         results=NESTED.replace("  ok 3 three\n", "  ok 3 three\n  ok 4 four\n") + END),
    case("subtests without a plan", "4 1 1", "no plan", results=NESTED.replace("  1..3\n", "") + END),
    case("a test that died after its subtests", "4 1 1", "many: status 137",
         results=NESTED.replace("ok 1 many", "not ok 1 many # status 137") + END),
    case("a test that gave up", "3 1 0", "Bail out!",
         results=GOOD.replace("ok 2 b", "  1..1\n  ok 1 c\n  Bail out! no more\nok 2 b") + END),
    case("tests out of order", "3 1 0", "is numbered 3", results=GOOD.replace("ok 2", "ok 3") + END),
    case("two plans", "3 1 0", "more than one plan", results=GOOD + "1..2\n" + END),
    case("no plan", "3 1 0", "no plan", results=GOOD.replace("1..2\n", "") + END),
    case("an empty plan", "1 1 0", "an empty plan", results="KTAP version 1\n1..0\n" + END),
    case("an empty list of subtests", "2 1 0", "b: an empty plan",
         results=GOOD.replace("ok 2 b", "  1..0\n  # Totals: pass:0\nok 2 b") + END),
    case("an empty list far below", "4 2 0", "many: two: an empty plan",
         results=NESTED.replace("  ok 2 - two # SKIP no device", "    1..0\n  ok 2 - two") + END),
    case("an empty list that is skipped", "2 0 1",
         results=GOOD.replace("ok 2 b", "  1..0 # SKIP no KVM\nok 2 b # SKIP") + END),
    case("nothing at all", "0 2 0", "no plan", results=""),
    case("only the end", "1 1 0", "no plan", results=END),
    # Why it failed.
    talkative("what a failed test said", ["FAIL many: two", "expected 1 == 2", "two: Test failed"],
              ["of one", "of three", "Totals", "lines)"]),
    talkative("a failed test that says much", ["expected 1 == 2", "# line 2\n", "... (83 lines)",
              "# line 99\n", "two: Test failed"], ["# line 3\n", "# line 50\n"], many=100),
    case("good tests say nothing", "4 0 1", results=NESTED + END, absent=["whatever it likes"]),
    case("what a test said before it hung", "1 2 0", ["b: did not finish", "  at the third step"],
         status=124, results=GOOD.replace("ok 2 b\n", "  at the third step\n")),
    case("what a test said before it died", "4 1 0", ["many: status 137", "# at the very end"],
         results=TALKATIVE.format(many="").replace("not ok 2 two", "ok 2 two")
         .replace("status 1", "status 137").replace("Totals: pass:2 fail:1", "at the very end") + END),
    # The machine.
    case("a test that hung", "1 2 0", "b: did not finish", status=124,
         results=GOOD.replace("ok 2 b\n", "")),
    case("a machine that died early", "1 4 0", "2 tests after it did not run",
         results=GOOD.replace("1..2", "1..4").replace("ok 2 b\n", "")),
    case("no end marker", "2 1 0", "no end marker", results=GOOD),
    case("an end marker in the middle", "2 1 0", "no end marker", results=END + GOOD),
    case("a bad end", "2 1 0", "status 125", results=GOOD + END.replace("status 0", "status 125")),
    case("a command that fails", "0 1 0", "status 3", results=END.replace("status 0", "status 3"), ktap=False),
    case("an emulator that failed", "2 1 0", "status 1", status=1),
    case("a silent console", "2 1 0", "did not say a word", console=""),
    case("a console that stops", "2 1 0", "before its end",
         console="[    0.000000] Linux version 7.3.4\n[    1.000000] volley-machine: start\n"),
    complaint("WARNING: kernel/irq/chip.c:1 at handle_bad+0x1/0x2, CPU#1: sh/1"),
    complaint("BUG: scheduling while atomic: sh/1/0x2"),
    complaint("Internal error: Oops: 0000000096000004 [#1] SMP"),
    complaint("Unable to handle kernel NULL pointer dereference"),
    complaint("Kernel panic - not syncing: x"),
    complaint("Call trace:"),
    complaint("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"),
    complaint("watchdog: BUG: soft lockup - CPU#1 stuck for 61s!"),
    complaint("[ BUG: Invalid wait context ]"),
    complaint("kmemleak: unreferenced object 0xffff00000a1b2c00 (size 128):"),
    complaint("Disabling lock debugging due to kernel taint"),
    complaint("ODEBUG: free active (active state 0) object: 00000000e1a5d1b2 object type: hrtimer"),
    case("kernel says that it looks for leaks no more", "2 1 0", "the kernel says",
         extra="[    1.600000] kmemleak: Kernel memory leak detector disabled\n"),
    complaint("WARNING: possible circular locking dependency detected"),
    complaint("BUG: KCSAN: data-race in a / b"),
    case("the name of an option is no complaint", "3 0 0",
         extra="[    0.1] kcsan: non-strict mode configured - use CONFIG_KCSAN_STRICT=y to see all data races\n"),
    complaint("INFO: task sh:1 blocked for more than 120 seconds."),
    complaint("refcount_t: underflow; use-after-free."),
    complaint("irq 50: nobody cared (try booting with the \"irqpoll\" option)"),
    complaint("volley: Unknown symbol foo (err -2)"),
    complaint("volley: vm 0000000080a1c200: no directory: Error(12)"),
    complaint("volley: cannot look at 0xffff800081a2b3c4"),
    case("numbers, names and handlers' names are no addresses", "3 0 0",
         extra="[    1.6] volley: vm 1234567890-123456789012: no directory: Error(12)\n"
         "[    1.6] volley: the module of handler ffff800081a2b3c4 has gone without unregistering it\n"),
    case("a complaint with a CPU before it", "2 1 0", "the kernel says",
         extra="[    1.600000][    C1] BUG: sleeping function called from invalid context\n"),
    case("what is around a complaint", "2 1 0",
         ["says: WARNING: first", "] before 4\n", "] WARNING: first\n", "] after 23\n"],
         absent=["] before 5\n", "] after 24\n", "says: after"],
         extra="".join(f"[    1.5{i}] before {i}\n" for i in range(9, -1, -1)) + "[    1.6] WARNING: first\n"
         + "".join(f"[    1.7] after {i}\n" for i in range(30))),
    case("many complaints", "2 1 0", ["says: BUG: number 4\n", "and 5 more", "] BUG: number 9\n"],
         absent=["says: BUG: number 5"], extra="".join(f"[    1.6] BUG: number {i}\n" for i in range(10))),
    case("the end of a console that stops", "1 2 0", ["it hung", "] after 29\n", "] after 10\n"],
         absent=["] after 9\n"], status=124, results=GOOD.replace("ok 2 b\n", ""),
         console=CONSOLE.split("{extra}", maxsplit=1)[0] + "".join(f"[    1.7] after {i}\n" for i in range(30))),
    case("what a test prints is no complaint", "3 0 0", extra="BUG: not the kernel's\n"),
]


def run(counts, expect, absent, results, console, status, ktap):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "console.log").write_text(console)
        (path / "results.log").write_text(results)
        command = [VERDICT, "--status", str(status), "--counts", path / "counts", path]
        done = subprocess.run(command + ["--ktap"] * ktap, capture_output=True, text=True, check=False)
        got = (path / "counts").read_text().strip() if (path / "counts").exists() else "none"
    problems = []
    if got != counts:
        problems.append(f"counts {got} instead of {counts}")
    if (done.returncode == 0) != (counts.split()[1] == "0"):
        problems.append(f"exit status {done.returncode}")
    problems += [f"does not say {text!r}" for text in expect if text not in done.stdout]
    problems += [f"says {text!r}" for text in absent if text in done.stdout]
    return problems, done.stdout + done.stderr


def main():
    failed = 0
    print(f"KTAP version 1\n1..{len(CASES)}")
    for number, (name, *rest) in enumerate(CASES, 1):
        problems, output = run(*rest)
        for line in output.splitlines() if problems else []:
            print(f"# {line}")
        print(f"{'not ok' if problems else 'ok'} {number} {name}{' # ' if problems else ''}{'; '.join(problems)}")
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
