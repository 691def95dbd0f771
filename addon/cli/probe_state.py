"""What an unfinished probe has found, in the folder `.provider-proxy`, so that the next one goes on from there.

The file holds digests and findings: no name of a test, and nothing of an answer.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from pathlib import Path

from addon.probing.trials import Finding, Trial
from addon.settings.state_folder import make_state_folder
from cache_store.atomic_file import replace_file
from cache_store.plain_files import read_plain

__all__ = ["ProbeState"]

_NAME = "probe.json"
_VERSION = 1
_LARGEST = 64 * 1024 * 1024  # bytes
_MOST = 500_000  # findings
_OLDEST = 7 * 86400.0  # seconds; tests change
_DIGEST = re.compile(r"[0-9a-f]{32}")


class ProbeState:
    """The findings of a probe of `command` with `seed`. `digests` are those of the answers by key."""

    def __init__(self, folder: Path, command: tuple[str, ...], seed: int, digests: Mapping[str, str]) -> None:
        self._path = folder / _NAME
        self._what = json.dumps([command, seed])
        self._digests = digests

    def load(self, trials: list[Trial]) -> dict[Trial, Finding]:
        """Those of `trials` that were made before, with what they led to. Of an unusable file nothing is known."""
        try:
            state = json.loads(read_plain(self._path, _LARGEST))
            if state["version"] != _VERSION or not 0 <= time.time() - float(state["at"]) < _OLDEST:
                return {}
            findings = {
                digest: Finding(finding)
                for digest, finding in state["findings"].items()
                if _DIGEST.fullmatch(digest)
            }
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return {}
        by_trial = ((trial, findings.get(self._digest(trial))) for trial in trials)
        return {trial: finding for trial, finding in by_trial if finding is not None}

    def save(self, findings: Mapping[Trial, Finding]) -> None:
        """Keep the findings. Raises OSError."""
        rows = {self._digest(trial): str(finding) for trial, finding in list(findings.items())[:_MOST]}
        make_state_folder(self._path.parent)
        text = json.dumps({"version": _VERSION, "at": time.time(), "findings": rows})
        replace_file(self._path, text.encode(), 0o600)

    def clear(self) -> None:
        """Forget them: the probe is complete. Raises OSError."""
        if self._path.exists():  # a read-only file system refuses to remove even what is not there
            self._path.unlink(missing_ok=True)

    def _digest(self, trial: Trial) -> str:
        parts = (self._what, trial.test, trial.key, self._digests.get(trial.key, ""), *trial.change)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
