from __future__ import annotations

import pytest

from integrity.evidence import PRIORS, Profile, limits_of, profile_from_json, profile_to_json
from integrity.layouts import MIB, Limits


@pytest.mark.parametrize(
    ("host", "limits"),
    [
        ("abc.r2.cloudflarestorage.com", {"equal_parts": True}),
        ("abc.eu.R2.cloudflarestorage.com.", {"equal_parts": True}),
        ("s3.fr-par.scw.cloud", {"most_parts": 1_000}),
        ("gateway.storjshare.io", {"smallest_part": 64 * MIB}),
    ],
)
def test_what_is_publicly_known_is_a_first_guess(host: str, limits: dict[str, object]) -> None:
    found = limits_of(host)

    assert {name: getattr(found, name) for name in limits} == limits


@pytest.mark.parametrize("host", ["s3.example.com", "", "notscw.cloud", "r2.cloudflarestorage.com.example.com"])
def test_what_is_not_known_is_as_at_aws(host: str) -> None:
    assert limits_of(host) == Limits()


def test_each_guess_names_its_source() -> None:
    assert all(prior.source for prior in PRIORS)


@pytest.mark.parametrize("limits", [Limits(), *(prior.limits for prior in PRIORS)])
def test_a_profile_keeps_its_limits(limits: Limits) -> None:
    assert profile_from_json(profile_to_json(Profile(limits=limits))).limits == limits


NOT_UNDERSTOOD = {"most_parts": "9", "smallest_part": -1, "largest_part": 0, "equal_parts": 1, "more": 1}


@pytest.mark.parametrize("facts", [{}, {"limits": None}, {"limits": NOT_UNDERSTOOD}])
def test_limits_that_are_not_understood_are_those_of_aws(facts: dict[str, object]) -> None:
    assert profile_from_json(facts).limits == Limits()
