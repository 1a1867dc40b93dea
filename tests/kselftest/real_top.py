# SPDX-License-Identifier: GPL-2.0
"""Drives volley-top in a terminal while a real guest fetches (see real_guest.sh).

A file `watching` beside it says that the fetch may begin. Prints the screens
that it has shown. What it must show is said here; an error is an exception.
"""

import os
import re
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))

from terminal import Session, write_terminfo

DROP = "import os, sys; os.setuid(65534); os.execv(sys.argv[1], sys.argv[1:])"


def show(session):
    """Prints the screen, once all of it is drawn."""
    while session.read(0.5):
        pass
    for line in session.screen.lines():
        print(f"# | {line}".rstrip())


def leave(session):
    session.send("q")
    status, restored = session.end()
    assert status == 0 and restored and not session.screen.unknown, (status, restored, session.screen.unknown)


def main():
    vm = sys.argv[1]
    terminfo = os.path.join(HERE, "terminfo")
    write_terminfo(terminfo)
    Session.patience *= 5
    top = os.path.join(HERE, "volley-top")
    with Session([top, "--interval", "5"], terminfo) as session:
        session.expect("VMs: 1", vm)
        with open(os.path.join(HERE, "watching"), "w", encoding="ascii"):
            pass
        # Idle, the card has two or three interrupts in a second.
        session.expect("SAVED/s", re.compile(rf"^{vm} +([5-9]\.\d|[1-9][0-9]+) ", re.M))
        show(session)
        session.send("enter")
        session.expect(f"interrupts of {vm}", " msi ")
        show(session)
        session.send("b", "u", *"20000", "enter")
        session.expect(f"{vm}: max_usecs not changed: Numerical result out of range")
        session.send("i", *"0x8", "enter")
        session.expect(f"{vm}: max_irqs not changed: Invalid argument")
        session.send("u", *"250", "enter")
        session.expect(f"{vm}: max_usecs is 250 now")
        session.send("u", "0", "enter")
        session.expect(f"{vm}: max_usecs is 0 now")
        leave(session)
    with Session([sys.executable, "-c", DROP, top], terminfo) as session:
        session.expect("VMs: 1", vm)
        session.send("u", "5", "enter")
        session.expect(f"{vm}: max_usecs not changed: Permission denied (only root may change it)")
        leave(session)


if __name__ == "__main__":
    main()
