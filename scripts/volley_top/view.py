# SPDX-License-Identifier: GPL-2.0
"""The live view, by curses."""

import curses
import time

from .data import clean, evaluate
from .table import COLUMNS, details, header, line, rows, sort, summary

HELP = """\
Each line is a VM: the thread that created it and the file it got for it.

RECV     arrivals of its sources      FORW    of these, queued to a vCPU
MERG     of these, waiting already    K/INT   kicks sent per interrupt
VOLLEY   mean volley: interrupts that a vCPU got at once
HELD     kicks put off into a window  HOLD    mean microseconds of a window
SAVED    requests that needed no kick USECS   max_usecs (off: not forwarded;
IRQS     max_irqs                             ~: adaptive, so much at most)
TOHOST   left to the kernel's own path U      1: urgent, never held
With a VM's interrupts: why kicks were sent and saved, why arrivals were left
to the host; volleys by interrupts, windows by microseconds (4+: 4 to 7).

up, down, k, j     choose a VM        Enter   its interrupts
b, Left, Esc       back               s, S    sort by the next, last column
u, i               change max_usecs,  r       sort the other way round
                   max_irqs           a       adaptive, or no more
Space              read now
h, ?               this               q       quit
"""
KEYS = {"vms": "q quit  s sort  Enter interrupts  u max_usecs  i max_irqs  a adaptive  h help",
        "irqs": "q quit  s sort  b back  u max_usecs  i max_irqs  a adaptive  h help",
        "help": "any key: back"}


class View:
    """The live view: reads every interval, and does what the keys say."""

    def __init__(self, volley, interval, key):
        self.volley, self.interval = volley, interval
        self.sort_by = {"vms": key, "irqs": "received"}
        self.reverse = {"vms": False, "irqs": False}
        self.old, self.new = None, volley.read()
        self.mode, self.chosen = "vms", {"vms": None, "irqs": None}
        self.table, self.message, self.prompt = [], "", None

    def refresh(self):
        self.old, self.new = self.new, self.volley.read()

    def choose(self, step):
        """Moves on by some lines from what was chosen, wherever it is now."""
        names = [row[self.mode[:-1]] for row in self.table]
        at = names.index(self.chosen[self.mode]) if self.chosen[self.mode] in names else 0
        self.chosen[self.mode] = names[max(0, min(at + step, len(names) - 1))] if names else None
        return names.index(self.chosen[self.mode]) if names else 0

    def draw(self, screen):
        result = evaluate(self.old, self.new)
        if self.mode == "irqs" and self.chosen["vms"] not in result["vms"]:
            self.mode, self.prompt = "vms", None
            self.message = f"{clean(self.chosen['vms'])} has gone"
        mode = self.mode
        height, width = screen.getmaxyx()
        screen.erase()

        def put(at, text, attribute=0):
            # What does not fit into a small terminal is left out, and the last
            # cell, which would make it scroll.
            if 0 <= at < height:
                screen.addnstr(at, 0, text, width - 1, attribute)

        if mode == "help":
            for at, text in enumerate(HELP.splitlines()):
                put(at, text)
        else:
            vm = self.chosen["vms"] if mode == "irqs" else None
            self.table = sort(rows(result, mode, vm), self.sort_by[mode], self.reverse[mode])
            # A small terminal has room for the table only.
            more = details(result, vm) if mode == "irqs" and height >= 16 else []
            at, room = self.choose(0), max(height - 4 - len(more), 1)
            what = f"interrupts of {clean(vm)}" if vm is not None else summary(result)
            title = next(title for key, title, _ in COLUMNS[mode] if key == self.sort_by[mode])
            put(0, f"volley-top: by {title}{' (reverse)' * self.reverse[mode]}, every {self.interval:g} s; {what}")
            put(1, header(result, mode).ljust(width), curses.A_REVERSE)
            first = max(0, at - room + 1)
            for number, row in enumerate(self.table[first:first + room]):
                put(number + 2, line(row, mode), curses.A_BOLD if number + first == at else 0)
                if number + first == at and number + 2 < height:
                    screen.chgat(number + 2, 0, min(12, width - 1), curses.A_REVERSE)
            for number, text in enumerate(more):
                put(height - 1 - len(more) + number, text)
            if not self.table:
                put(2, "No VM has a source." if mode == "vms" else "No interrupt of this VM is a source.")
        bottom = self.message or KEYS[mode]
        if self.prompt:
            vm, key, text = self.prompt
            now = clean(self.volley.text("vms", vm, key) or "-")
            bottom = f"{key} of {clean(vm)} (now {now[:5]}), Esc leaves it: {text}"
        put(height - 1, bottom)
        screen.refresh()

    def type(self, key):
        """A key of somebody who is typing a value."""
        vm, name, text = self.prompt
        if key in ("\n", "\r"):
            self.prompt, self.message = None, self.volley.write(vm, name, text) if text else ""
        elif key == "\x1b":
            self.prompt = None
        elif key in ("KEY_BACKSPACE", "\b", "\x7f"):
            self.prompt[2] = text[:-1]
        elif len(key) == 1 and key.isascii() and key.isprintable() and len(text) < 20:
            self.prompt[2] += key

    def press(self, key):
        """A key; returns whether to go on."""
        if key == "KEY_RESIZE":
            return True
        if self.prompt:
            self.type(key)
            return True
        self.message, mode = "", self.mode
        if key == "q":
            return False
        if mode == "help":
            self.mode = "vms"
        elif key in ("h", "?"):
            self.mode = "help"
        elif key in ("KEY_DOWN", "KEY_UP", "j", "k"):
            self.choose(1 if key in ("KEY_DOWN", "j") else -1)
        elif key in ("s", "S"):
            keys = [key for key, _, _ in COLUMNS[mode]]
            at = keys.index(self.sort_by[mode]) + (1 if key == "s" else -1)
            self.sort_by[mode] = keys[at % len(keys)]
        elif key == "r":
            self.reverse[mode] = not self.reverse[mode]
        elif key in ("u", "i") and self.chosen["vms"]:
            self.prompt = [self.chosen["vms"], "max_usecs" if key == "u" else "max_irqs", ""]
        elif key == "a" and self.chosen["vms"]:
            now = self.volley.number("vms", self.chosen["vms"], "adaptive")
            self.message = self.volley.write(self.chosen["vms"], "adaptive", "0" if now else "1")
            self.refresh()
        elif key in ("\n", "\r", "KEY_ENTER", "KEY_RIGHT") and mode == "vms" and self.chosen["vms"]:
            self.mode, self.chosen["irqs"] = "irqs", None
        elif key in ("b", "\x1b", "KEY_LEFT", "KEY_BACKSPACE", "\b", "\x7f"):
            self.mode = "vms"
        elif key == " ":
            self.refresh()
        return True

    def run(self, screen):
        try:
            curses.curs_set(0)
        except curses.error:
            pass
        curses.set_escdelay(50)
        due = time.monotonic() + self.interval
        going = True
        while going:
            self.draw(screen)
            # Of a new size of the terminal that it gets while it draws, curses
            # tells only after it has waited for a key in vain.
            screen.timeout(max(0, min(round((due - time.monotonic()) * 1000), 500)))
            try:
                going = self.press(screen.getkey())
            except curses.error:
                pass
            if time.monotonic() >= due:
                self.refresh()
                due = time.monotonic() + self.interval
