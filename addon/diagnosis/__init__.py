"""Explains a miss: the nearest recorded request, how it differs, a remedy. Reads only what it is given."""

from addon.diagnosis.diagnosing import Candidates, Diagnosis, diagnose, diagnose_saved
from addon.diagnosis.differences import Difference
from addon.diagnosis.folding import Folding
from addon.diagnosis.kinds import Kind

__all__ = ["Candidates", "Diagnosis", "Difference", "Folding", "Kind", "diagnose", "diagnose_saved"]
