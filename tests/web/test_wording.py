from __future__ import annotations

import pytest

from integrity.evidence import NOT_CARRIED, OF_ALL_VERSIONS, CheckName, ErrorCode, Origin, Reason
from integrity.verdicts import DestGrade, SourceGrade
from migrator.models import Run
from migrator.models.progress import Progress
from migrator.web import wording

FORBIDDEN = ("oops", "invalid", "illegal", "!", "success", "guaranteed", "certified", "identical")


def a_finished(**counts: int) -> Run:
    return Run(state="finished", planned=sum(counts.values()), **counts)


@pytest.mark.parametrize("cause", [*ErrorCode, *Reason])
def test_every_cause_has_a_title_that_is_not_its_code(cause: str) -> None:
    assert cause in wording.CAUSE_TITLES
    assert "_" not in wording.cause_title(cause)


def test_every_check_origin_and_grade_has_words() -> None:
    assert set(wording.CHECK_TITLES) == {name.value for name in CheckName}
    assert set(wording.ORIGINS) == {origin.value for origin in Origin}
    assert set(wording.SOURCE_GRADES) == {grade.value for grade in SourceGrade}
    assert set(wording.DEST_GRADES) == {grade.value for grade in DestGrade}


def test_all_that_is_not_carried_has_words() -> None:
    assert set(wording.NOT_CARRIED) == {*NOT_CARRIED, *OF_ALL_VERSIONS, "tags", "storage_class"}


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"tags": True, "storage_class_map": {"*": "STANDARD"}}, []),
        ({"tags": False, "storage_class_map": {"*": "STANDARD"}}, ["tags"]),
        ({"tags": True, "storage_class_map": {}}, ["storage_class"]),
        ({"tags": True, "storage_class_map": {"COLD": "STANDARD", "*": "default"}}, ["storage_class"]),
        ({}, ["tags", "storage_class"]),
    ],
)
def test_what_a_task_leaves_behind_follows_from_its_options(options: dict[str, object], left: list[str]) -> None:
    assert wording.not_carried_by(options) == [*NOT_CARRIED, *left]


def test_a_task_of_all_versions_leaves_markers_and_ids_in_place_of_the_older_ones() -> None:
    left = wording.not_carried_by({"versions": "all", "tags": True, "storage_class_map": {"*": "STANDARD"}})

    assert set(left) - set(NOT_CARRIED) == {"delete_markers", "version_ids"}
    assert set(NOT_CARRIED) - set(left) == {"versions"}


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"type": "AES256"}, "with a key of the storage service (AES256)"),
        ({"type": "aws:kms", "key_id": None}, "with a key service (aws:kms)"),
        ({"type": "aws:kms:dsse", "key_id": "alias/a"},
         "with a key service, in two layers (aws:kms:dsse), key alias/a"),
    ],
)  # fmt: skip
def test_the_encryption_of_a_task_in_words(wish: dict[str, str | None], words: str) -> None:
    assert ("Encryption at the destination", words) in wording.option_lines({"encryption": wish})


def test_the_classes_of_a_task_in_words_the_rest_last() -> None:
    lines = dict(wording.option_lines({"storage_class_map": {"*": "default", "STANDARD_IA": "GLACIER_IR"}}))

    assert lines["Storage classes"] == "STANDARD_IA → GLACIER_IR; every other → the destination's choice"


@pytest.mark.parametrize("state", Run.State.values)
def test_every_state_has_a_word_and_an_icon(state: str) -> None:
    assert wording.shown("run", state).icon != "dash"


@pytest.mark.parametrize("text", [*wording.CAUSE_TITLES.values(), *wording.HAZARDS.values()])
def test_no_title_blames_or_cheers(text: str) -> None:
    assert not any(word in text.lower() for word in FORBIDDEN)


def test_all_verified_is_said_only_when_all_are() -> None:
    assert wording.headline(a_finished(verified=12481)) == "All 12,481 objects are copied and verified."
    assert "All" not in wording.headline(a_finished(verified=12480, failed=1))


def test_what_is_not_verified_is_counted_exactly() -> None:
    assert (
        wording.headline(a_finished(verified=12478, failed=1, unverified=2)) == "3 of 12,481 objects are not verified."
    )


def test_skipped_is_never_counted_as_verified() -> None:
    assert wording.headline(a_finished(verified=2, skipped=3)).startswith(
        "2 objects are copied and verified; 3 were skipped"
    )
    assert "nothing was copied" in wording.headline(a_finished(skipped=3))


def test_an_empty_run_is_no_silent_success() -> None:
    assert "there was no object to copy" in wording.headline(a_finished())


def a_progress(eta: int | None) -> Progress:
    return Progress(objects_per_s=1, bytes_per_s=1, eta_seconds=eta, bytes_settled=0, bytes_in_flight=0, heard_at=None)


def test_time_left_is_hidden_at_first_and_while_paused() -> None:
    assert wording.time_left(Run(state="running"), a_progress(100), 10) == ""
    assert wording.time_left(Run(state="paused"), a_progress(100), 1000) == ""
    assert wording.time_left(Run(state="running"), a_progress(None), 1000) == ""


@pytest.mark.parametrize(
    ("eta", "words"),
    [(0, "about 5 s"), (800, "12 to 19 min"), (20000, "5.0 to 7.8 h"), (300000, "3.1 to 4.9 days")],
)
def test_time_left_is_a_range(eta: int, words: str) -> None:
    assert wording.time_left(Run(state="running"), a_progress(eta), 60) == words


def test_a_screen_reader_is_told_each_tenth_and_not_more() -> None:
    run = Run(state="running", planned=100, verified=1)

    assert wording.status_line(run, 41) == wording.status_line(run, 49)
    assert wording.status_line(run, 49) != wording.status_line(run, 50)


def test_a_screen_reader_is_told_of_the_first_object_that_is_not_verified() -> None:
    assert "not verified" in wording.status_line(Run(state="running", planned=9, failed=1), 10)


def test_the_books_always_add_up_to_the_plan() -> None:
    lines = wording.books(Run(planned=10, verified=3, unverified=1, failed=2, skipped=1))

    assert [line.count for line in lines] == [3, 1, 2, 1, 3]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, ""),
        ({"equal_parts": True}, "It takes parts of one size only."),
        ({"smallest_part": 1}, "It takes parts of any size."),
        ({"largest_object": 5 * 1024**4}, "It takes objects of at most 5 TiB."),
        ({"smallest_part": 64 * 1024 * 1024}, "It takes parts from 64 MiB on."),
    ],
)
def test_only_limits_that_are_not_the_usual_ones_have_words(limits: dict[str, object], words: str) -> None:
    assert wording.profile_words({"limits": limits})["limits"] == words


def test_a_mark_of_a_person_is_said_to_be_one() -> None:
    words = wording.profile_words({"etag_single": "mixed", "etag_multipart": "formula"})

    assert words["etag"].startswith("The ETag of an object is not always the MD5 of the bytes, as a person has marked;")


@pytest.mark.parametrize(
    ("facts", "sizes", "shown"),
    [
        ({}, "", ""),
        ({"complete_size": "unknown", "read_after_write_seconds": None}, "", ""),
        (
            {"complete_size": "rejects", "read_after_write_seconds": 0},
            "It refuses an upload that is to end with another size than its parts have.",
            "It shows a new object at once, by HEAD and in listings.",
        ),
        (
            {"complete_size": "ignores", "read_after_write_seconds": 3},
            "It does not look at the size that an upload is to have in the end.",
            "It shows a new object late: HEAD and a listing had it within 3 s.",
        ),
    ],
)
def test_what_a_probe_found_out_besides_has_words(facts: dict[str, object], sizes: str, shown: str) -> None:
    words = wording.profile_words(facts)

    assert (words["sizes"], words["shown"]) == (sizes, shown)


@pytest.mark.parametrize(
    ("tagging", "words"),
    [(None, ""), (True, "It knows tags."), (False, "It does not know tags, so none are carried over.")],
)
def test_whether_a_store_knows_tags_has_words(tagging: bool | None, words: str) -> None:
    assert wording.profile_words({"tagging": tagging})["tags"] == words
