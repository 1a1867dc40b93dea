#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Every test that tests/kselftest/list picks by name is there; prints KTAP.

The kernel's harness runs what matches, and says nothing of names that do not.
"""

import pathlib
import re
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1] / "kselftest"

# What a choice is a name of: see tools/testing/selftests/kselftest_harness.h.
OPTIONS = {"-f": "fixture", "-v": "variant", "-t": "test", "-r": "whole"}


def names(source):
    """What a program's tests, fixtures and variants are called, and tests in whole."""
    alone = re.findall(r"^TEST\((\w+)\)", source, re.M)
    tests = re.findall(r"^TEST_F(?:_TIMEOUT)?\((\w+), (\w+)", source, re.M)
    variants = re.findall(r"^FIXTURE_VARIANT_ADD\((\w+), (\w+)\)", source, re.M)
    # By the macros of deliver_test and storms_test, which call it "name".
    for fixture in re.findall(r"^\tFIXTURE_VARIANT_ADD\((\w+), name\)", source, re.M):
        variants += [(fixture, name) for name in re.findall(r"^VARIANT\((\w+)", source, re.M)]
    for fixture in re.findall(r"^\tTEST_F_TIMEOUT\((\w+), name,", source, re.M):
        tests += [(fixture, name) for name in re.findall(r"^STORM\((\w+)\)", source, re.M)]
    whole = {f"global.{name}" for name in alone}
    for fixture, name in tests:
        of = [variant for at, variant in variants if at == fixture]
        whole |= {f"{fixture}.{variant}.{name}" for variant in of} or {f"{fixture}.{name}"}
    return {
        "fixture": {fixture for fixture, _ in tests},
        "variant": {variant for _, variant in variants},
        "test": set(alone) | {name for _, name in tests},
        "whole": whole,
    }


def choices(line):
    """The name of a line's test, and a list of (program, option, name)."""
    _, name, _group, _machine, _seconds, *words = line.split()
    while "=" in words[0]:
        del words[0]
    program = words[0].removeprefix("./")
    return name, [(program, *pair) for pair in zip(words[1::2], words[2::2])
                  if pair[0] in OPTIONS]


def unknown(program, option, name, source=None):
    """What is wrong with a choice, if anything."""
    source = source or (TESTS / f"{program}.c").read_text()
    known = names(source)[OPTIONS[option]]
    return [] if name in known else [f"{program} has no {OPTIONS[option]} {name}"]


def main():
    lines = [line for line in (TESTS / "list").read_text().splitlines()
             if line.startswith("test ")]
    picked = [(name, chosen) for name, chosen in map(choices, lines) if chosen]
    made_up = "FIXTURE_VARIANT_ADD(a, b) { 1 };\nTEST_F(a, c)\n"
    bad = [("-f", "b"), ("-v", "a"), ("-t", "b"), ("-r", "a.c"), ("-r", "a.b.cc")]
    good = [("-f", "a"), ("-v", "b"), ("-t", "c"), ("-r", "a.b.c")]
    results = [("what is not there is found",
                [f"{pair} is not" for pair in bad if not unknown("-", *pair, made_up)] +
                [f"{pair} is" for pair in good if unknown("-", *pair, made_up)])]
    for name, chosen in picked:
        results.append((name, [what for choice in chosen for what in unknown(*choice)]))

    failed = 0
    print(f"KTAP version 1\n1..{len(results)}")
    for number, (name, problems) in enumerate(results, 1):
        print(f"{'not ok' if problems else 'ok'} {number} {name}"
              f"{' # ' if problems else ''}{'; '.join(problems)}")
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
