"""Notice that the machine stood still during a test, or that its clock was set: virtual machines do both as they move.

Usage, in conftest.py:

    pytest_plugins = ["helpers.clock_watch"]

A test that fails meanwhile runs a second time, and the summary says so: a jump of a minute fills what is rationed by
the minute, and ends what may take half of one. A test that fails on a steady machine has failed.
"""

from dataclasses import dataclass
from threading import Thread
from time import monotonic, sleep, time  # by name: tests replace those of the module

import pytest
from _pytest.runner import runtestprotocol

STEP = 0.25  # seconds
STILL = 5.0  # seconds that nothing ran
SET = 1.0  # seconds that the clock went on or back beside the time that passed
NOTE = "clock_watch"


@dataclass
class ClockWatch:
    """What happened to the clock since `start`."""

    last: str = ""
    """of it"""
    times: int = 0

    def start(self) -> "ClockWatch":
        Thread(target=self._watch, daemon=True, name="clock watch").start()
        return self

    def _watch(self) -> None:
        before, offset = monotonic(), time() - monotonic()
        while True:
            sleep(STEP)
            now, new_offset = monotonic(), time() - monotonic()
            self.look(now - before - STEP, new_offset - offset)
            before, offset = now, new_offset

    def look(self, late: float, set_by: float) -> None:
        """Note what a step of the watch has seen. late: seconds. set_by: seconds, below 0 where it was set back."""
        if abs(set_by) > SET:
            self.last, self.times = f"the clock was set by {set_by:+.0f} s", self.times + 1
        elif late > STILL:
            self.last, self.times = f"the machine stood still for {late:.0f} s", self.times + 1


WATCH = ClockWatch().start()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test; run it again where it failed while the clock was not steady."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    before = WATCH.times
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if WATCH.times > before and any(report.failed for report in reports):
        item.user_properties.append((NOTE, WATCH.last))
        item._initrequest()  # fixtures of the test itself are built anew
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that ran twice."""
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            for name, why in report.user_properties:
                if name == NOTE and report.when == "call":
                    terminalreporter.write_line(f"RAN TWICE, since {why}: {report.nodeid}")
