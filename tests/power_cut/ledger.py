"""What the machines said to be safe, and whether it was found after the cuts."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Ledger:
    """All that was said over a run of cuts: tried and kept events, filed files of evidence.

    found and files are what the last machine saw when it started; faults, what must not be.
    """

    tried: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    filed: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def start(self) -> None:
        """A machine starts: what it finds is counted again."""
        self.found.clear()
        self.files.clear()

    def hear(self, line: str) -> None:
        """Take down a line of the resident; what is none of its words is a fault."""
        word, _, matter = line.partition(" ")
        columns = {
            "tried": self.tried,
            "kept": self.kept,
            "filed": self.filed,
            "has": self.found,
            "file": self.files,
        }
        if word in columns:
            columns[word].add(matter)
        elif line not in ("sound ok", "ready"):
            self.faults.append(line)

    def judge(self) -> None:
        """Compare what was found with what had been said to be safe."""
        for what, odd in (
            ("events lost", self.kept - self.found),
            ("files lost", self.filed - self.files),
            ("events that were not tried", self.found - self.tried),
        ):
            if odd:
                self.faults.append(f"{len(odd)} {what}, such as {min(odd)}")
