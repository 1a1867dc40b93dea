# SPDX-License-Identifier: GPL-2.0
"""A terminal for tests: a program in a pty, and the screen that it has drawn.

What it can do is said in a terminfo entry of its own, as what there is depends
on the machine. Anything else that a program sends is an error.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

# By their numbers in term.h.
STRINGS = {2: "\r", 5: "\x1b[H\x1b[2J", 6: "\x1b[K", 7: "\x1b[J", 10: "\x1b[%i%p1%d;%p2%dH", 11: "\n", 12: "\x1b[H",
           13: "\x1b[?25l", 14: "\b", 16: "\x1b[?25h", 27: "\x1b[1m", 28: "\x1b[?1049h", 34: "\x1b[7m",
           39: "\x1b[m", 40: "\x1b[?1049l", 61: "\x1bOB", 79: "\x1bOD", 83: "\x1bOC", 87: "\x1bOA",
           88: "\x1b[?1l", 89: "\x1b[?1h"}
KEYS = {"up": "\x1bOA", "down": "\x1bOB", "enter": "\r", "escape": "\x1b", "backspace": "\x7f"}


def write_terminfo(folder):
    """An entry `xterm` in a database of its own."""
    offsets, table = [-1] * (max(STRINGS) + 1), b""
    for number, text in STRINGS.items():
        offsets[number] = len(table)
        table += text.encode() + b"\0"
    names, numbers = b"xterm|for tests\0", (80, 8, 24)
    entry = struct.pack("<6h", 0o432, len(names), 0, len(numbers), len(offsets), len(table)) + names
    entry += b"\0" * (len(entry) % 2) + struct.pack(f"<{len(numbers) + len(offsets)}h", *numbers, *offsets) + table
    for name in ("x", "78"):
        os.makedirs(os.path.join(folder, name))
        with open(os.path.join(folder, name, "xterm"), "wb") as file:
            file.write(entry)


class Screen:
    """What is seen."""

    def __init__(self, height, width):
        self.rest, self.unknown = "", []
        self.alternate = self.hidden = False
        self.resize(height, width)

    def resize(self, height, width):
        self.height, self.width, self.at = height, width, [0, 0]
        self.cells = [[" "] * width for _ in range(height)]

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def feed(self, text):
        text = self.rest + text
        # The rest of a sequence may be still to come.
        whole = re.match(r"(?:[^\x1b]|\x1b\[[0-9;?]*[@-~])*", text).end()
        if text[whole:whole + 2] not in ("\x1b", "\x1b["):
            whole = len(text)
        self.rest = text[whole:]
        for code, plain in re.findall(r"(\x1b(?:\[[0-9;?]*[@-~])?)|([^\x1b])", text[:whole]):
            if code:
                self.control(code)
            else:
                self.plain(plain)

    def plain(self, char):
        row, column = self.at
        if char == "\r":
            self.at[1] = 0
        elif char == "\n":
            # It does scroll, once there is no more room.
            self.at[0] += 1
            if self.at[0] == self.height:
                self.at[0] = row
                self.cells = self.cells[1:] + [[" "] * self.width]
        elif char == "\b":
            self.at[1] = max(0, column - 1)
        else:
            if row < self.height and column < self.width:
                self.cells[row][column] = char
            self.at[1] += 1

    def control(self, code):
        row, column = self.at
        if place := re.fullmatch(r"\x1b\[(?:(\d+);(\d+))?H", code):
            self.at = [int(place.group(1) or 1) - 1, int(place.group(2) or 1) - 1]
        elif code in ("\x1b[K", "\x1b[J", "\x1b[2J"):
            for number in range(self.height):
                for cell in range(self.width):
                    if code == "\x1b[2J" or number == row and cell >= column or code == "\x1b[J" and number > row:
                        self.cells[number][cell] = " "
        elif code in ("\x1b[?25l", "\x1b[?25h"):
            self.hidden = code.endswith("l")
        elif code in ("\x1b[?1049l", "\x1b[?1049h"):
            self.alternate = code.endswith("h")
        elif code not in ("\x1b[1m", "\x1b[7m", "\x1b[m", "\x1b[?1l", "\x1b[?1h"):
            self.unknown.append(code)


class Session:
    """A program in a terminal. What it is expected to show, it may take its time to."""

    patience = int(os.environ.get("VOLLEY_TIMEOUT", 60))

    def __init__(self, command, terminfo, height=24, width=80, **environment):
        self.master, self.slave = pty.openpty()
        self.screen = Screen(height, width)
        self.set_size(height, width)
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
            preexec_fn=self.prepare,
            env={"PATH": os.environ["PATH"], "TERM": "xterm", "TERMINFO": terminfo, **environment})

    @staticmethod
    def prepare():
        """What a login does: takes the terminal, and no signal is ignored."""
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def set_size(self, height, width):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", height, width, 0, 0))

    def resize(self, height, width):
        self.read(0)
        self.screen.resize(height, width)
        self.set_size(height, width)

    def send(self, *keys):
        for key in keys:
            os.write(self.master, KEYS.get(key, key).encode())

    def read(self, patience):
        if not select.select([self.master], [], [], patience)[0]:
            return False
        self.screen.feed(os.read(self.master, 65536).decode())
        return True

    def expect(self, *texts):
        """Waits until all of them are on the screen at once."""
        end = time.monotonic() + self.patience
        while True:
            shown = "\n".join(self.screen.lines())
            missing = [text for text in texts if not (text.search(shown) if hasattr(text, "search") else text in shown)]
            if not missing:
                return
            if time.monotonic() > end or self.process.poll() is not None and not self.read(0):
                raise AssertionError(f"not on the screen: {missing}\n{shown}")
            self.read(0.05)

    def end(self):
        """Waits for the program's end. Returns its status, and whether the terminal is as before."""
        end = time.monotonic() + self.patience
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.05)
        while self.read(0):
            pass
        restored = not (self.screen.alternate or self.screen.hidden)
        return self.process.poll(), restored and termios.tcgetattr(self.slave) == self.before

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


if __name__ == "__main__":
    sys.exit("this is no program")
