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
from integrity.evidence.comparisons import without_framing
from integrity.evidence.demands import Demand
from integrity.evidence.dest_leg import destination_checks, needs_head, write_checks
from integrity.evidence.earlier import Earlier, dest_checks_since, source_checks_since
from integrity.evidence.fidelity import (
    CARRIED_HEADERS,
    NOT_CARRIED,
    OF_ALL_VERSIONS,
    VERSION_NAMED,
    fidelity_checks,
    leaves_encryption_out,
    never_carried,
    not_carried,
    pair_check,
)
from integrity.evidence.findings import Attempt, Finding, Repeat
from integrity.evidence.priors import PRIORS, Prior, limits_of
from integrity.evidence.profiles import (
    SAMPLE,
    EtagMeaning,
    Profile,
    Proof,
    learned_meaning,
    profile_from_json,
    profile_to_json,
)
from integrity.evidence.reading_back import ReadBack, came_transcoded
from integrity.evidence.source_leg import Planned, source_checks, unchanged_check
from integrity.evidence.statements import AskedEncryption, Encryption, Statement

__all__ = [
    "CARRIED_HEADERS",
    "FIDELITY_CHECKS",
    "MISMATCH_CODES",
    "NOT_CARRIED",
    "OF_ALL_VERSIONS",
    "PRIORS",
    "SAMPLE",
    "VERSION_NAMED",
    "AskedEncryption",
    "Attempt",
    "Check",
    "CheckName",
    "Demand",
    "Earlier",
    "Encryption",
    "ErrorCode",
    "EtagMeaning",
    "Finding",
    "Origin",
    "Outcome",
    "Planned",
    "Prior",
    "Profile",
    "Proof",
    "ReadBack",
    "Reason",
    "Repeat",
    "Statement",
    "came_transcoded",
    "checks_from_json",
    "checks_to_json",
    "dest_checks_since",
    "destination_checks",
    "fidelity_checks",
    "first_mismatch",
    "learned_meaning",
    "leaves_encryption_out",
    "limits_of",
    "needs_head",
    "never_carried",
    "not_carried",
    "pair_check",
    "profile_from_json",
    "profile_to_json",
    "source_checks",
    "source_checks_since",
    "unchanged_check",
    "without_framing",
    "write_checks",
]
