# SPDX-License-Identifier: GPL-2.0
"""The parts of volley-top."""

# As in the file VERSION, which is not installed; tests/scripts/version_test.sh compares them.
VERSION = "0.1.0"
