"""Facts: what a store says about an object, what we computed, and the checks between the two.

Pure. The closed lists of this package are the ones of the rules of evidence; a test compares them.
A finding is a value: a mismatch is a check, and a check never raises.
"""

from integrity.evidence.checks import (
    FIDELITY_CHECKS,
    MISMATCH_CODES,
    Check,
    CheckName,
    ErrorCode,
    Origin,
    Outcome,
    Reason,
    checks_from_json,
    checks_to_json,
    first_mismatch,
)
from integrity.evidence.findings import Attempt, Finding
from integrity.evidence.profiles import EtagMeaning, Profile, Proof, profile_from_json, profile_to_json
from integrity.evidence.statements import Encryption, Statement

__all__ = [
    "FIDELITY_CHECKS",
    "MISMATCH_CODES",
    "Attempt",
    "Check",
    "CheckName",
    "Encryption",
    "ErrorCode",
    "EtagMeaning",
    "Finding",
    "Origin",
    "Outcome",
    "Profile",
    "Proof",
    "Reason",
    "Statement",
    "checks_from_json",
    "checks_to_json",
    "first_mismatch",
    "profile_from_json",
    "profile_to_json",
]
