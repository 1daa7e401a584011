"""Who may do what: access keys, and the rules each one carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import cast

from migrator.sandbox.errors import S3Error, SandboxProblem


@dataclass(frozen=True, slots=True)
class Rule:
    """Allow or deny operations on buckets and keys, by globs. A deny always wins."""

    effect: str = "allow"
    operation: str = "*"
    bucket: str = "*"
    key: str = "*"

    def fits(self, operation: str, bucket: str, key: str) -> bool:
        return (
            fnmatchcase(operation, self.operation) and fnmatchcase(bucket, self.bucket) and fnmatchcase(key, self.key)
        )


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One pair of credentials.

    owner: the account it belongs to; a bucket is open to its owner's keys only. rules: none means all is
    allowed. expires_at: seconds since the epoch, for a session token; 0 never.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    owner: str = "sandbox"
    rules: tuple[Rule, ...] = ()
    expires_at: float = 0

    @classmethod
    def of(cls, raw: Mapping[str, object] | AccessKey) -> AccessKey:
        if isinstance(raw, AccessKey):
            return raw
        known = {entry.name for entry in fields(cls)}
        unknown = sorted(set(raw) - known)
        if unknown:
            raise SandboxProblem(f"an access key has no field {', '.join(unknown)}")
        if not raw.get("access_key_id") or not raw.get("secret_access_key"):
            raise SandboxProblem("an access key needs access_key_id and secret_access_key")
        values = {**raw, "rules": _rules(raw.get("rules", ()))}
        return cls(**values)  # type: ignore[arg-type]

    def check(self, operation: str, bucket: str, key: str) -> None:
        """AccessDenied unless a rule allows it and none denies it."""
        if not self.rules:
            return
        fitting = [rule.effect for rule in self.rules if rule.fits(operation, bucket, key)]
        if "deny" in fitting or "allow" not in fitting:
            raise S3Error("AccessDenied")


def _rules(raw: object) -> tuple[Rule, ...]:
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise SandboxProblem("the rules of an access key are a list")
    return tuple(_rule(entry) for entry in raw)


def _rule(raw: object) -> Rule:
    if isinstance(raw, Rule):
        return raw
    if not isinstance(raw, Mapping) or not set(raw) <= {"effect", "operation", "bucket", "key"}:
        raise SandboxProblem(f"a rule has effect, operation, bucket and key: {raw!r}")
    rule = Rule(**cast("Mapping[str, str]", raw))
    if rule.effect not in ("allow", "deny"):
        raise SandboxProblem(f"the effect of a rule is allow or deny, not {rule.effect!r}")
    return rule
