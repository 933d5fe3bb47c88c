"""What the checks before a deployment found: the files to send, where to, and how they answer here."""

from dataclasses import dataclass, field
from typing import Any

from training.hub.repo import Changes, Repo, changes

from .checks import Check


@dataclass
class Findings:
    """What was found before anything is sent."""

    files: dict[str, bytes]
    hardware: str
    static: bool = False
    """whether the files are the browser edition, for a static Space, which runs on no hardware"""
    known: bool = False
    """whether the Hub said what it holds"""
    info: object = None
    """what the Hub says of the Space; None where there is none yet"""
    changes: Changes = field(default_factory=Changes)
    answer: dict[str, Any] = field(default_factory=dict)
    """to the first example, by the files alone; empty where they gave none"""
    n_problems: int = 0
    parent: str = ""
    """the Space's last commit when it was compared"""

    @property
    def kind(self) -> str:
        """Where the app is to run, in words."""
        return "as a static Space" if self.static else f"on {self.hardware}"

    def compare(self, space: Repo) -> dict[str, Any]:
        """Note what differs from the Space as it is now, and return its files."""
        self.parent = space.commits()[0][0]  # before the files: a commit that comes in between is refused then
        there = space.tree()
        self.changes = changes(self.files, there)
        return there

    def report(self, check: Check) -> None:
        """Print a check and count it if it found a problem."""
        print(check, flush=True)
        self.n_problems += bool(check.problem)
