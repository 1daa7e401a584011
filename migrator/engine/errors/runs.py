"""What a run cannot be whole with, and the wish to stop it."""

from __future__ import annotations

from integrity.evidence import ErrorCode
from migrator.engine.errors.root import EngineError


class Stopped(EngineError):
    """Pause, cancel or deploy: the work stops at the next border; unfinished items stay pending."""

    advice = "The work was stopped. Nothing is lost; it goes on where it stopped."


class AddressProblem(EngineError):
    """An endpoint, bucket name or prefix that we do not take. `field` is the form field it belongs to."""

    refuse_cause = "bucket_name_invalid"
    advice = "{sentence}"

    def __init__(self, field: str, sentence: str) -> None:
        self.field = field
        self.sentence = sentence
        super().__init__(sentence, facts={"sentence": sentence})


class PlanUnreadable(EngineError):
    """The items of a batch are in a format that this version does not know."""

    refuse_cause = "plan_unreadable"
    advice = "This plan was written by another version of Truecopy and cannot be read by this one. Plan the task again."


class ListingInvalid(EngineError):
    """A page of a listing is not one, again and again. Zero objects is never concluded from it."""

    # Of one key's history it is a finding, of a whole listing the end of the run.
    code = ErrorCode.STORE_ERROR
    retryable = True
    refuse_cause = "listing_invalid"
    advice = "The storage service said yes but sent no proof. We do not count it and ask again."
    advice_admin = (
        'The listing of "{bucket}" makes no sense: {fault}. We cannot say which objects there are. '
        "Ask the owner of the storage service, then plan again."
    )


class ListingIncomplete(EngineError):
    """A range of keys cannot be listed."""

    refuse_cause = "listing_incomplete"
    advice = (
        'A part of "{bucket}" cannot be listed: {range}. No object in it was looked at. Ask the owner of the storage '
        "service which keys are there, then plan again."
    )


class TooManyVersions(EngineError):
    """One key has more versions than are kept in memory to turn their order around."""

    refuse_cause = "too_many_versions"
    advice = (
        'The key "{key}" has more than {limit} versions and delete markers, and a plan takes no more of one key. Leave '
        "it out with a pattern (exclude), or copy its latest version only, then plan again."
    )


class VersionsNotKept(EngineError):
    """The destination keeps one version of each key, so all but the last would be overwritten."""

    refuse_cause = "versions_not_kept"
    advice = (
        'The task copies every version, but "{bucket}" at the destination does not keep versions: each copy would '
        "overwrite the one before. Nothing was copied. Switch versioning on there, or copy the latest versions only, "
        "then plan again."
    )


class VersionsNotListed(EngineError):
    """The store does not know ListObjectVersions."""

    refuse_cause = "versions_not_listed"
    advice = (
        'The storage service cannot list the versions in "{bucket}", so we cannot say which there are. '
        "Copy the latest versions only, then plan again."
    )
