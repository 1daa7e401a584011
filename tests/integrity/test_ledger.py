from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from integrity import ledger

RUN = uuid.UUID(int=1)
DIGESTS = [hashlib.sha256(bytes([n])).hexdigest() for n in range(5)]


def test_the_canonical_form_is_sorted_and_tight() -> None:
    fields = {"b": 1, "a": "ü", "at": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "none": None}

    assert ledger.canonical(fields) == '{"a":"ü","at":"2026-01-02T03:04:05.000006Z","b":1,"none":null}'.encode()


texts = st.text(st.characters(exclude_categories=[]), max_size=8)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)


@given(st.dictionaries(texts, documents, max_size=5))
def test_the_canonical_form_is_the_same_however_it_is_written(fields: dict[str, object]) -> None:
    plainly = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert ledger.canonical(fields) == plainly.encode("utf-8", "surrogatepass")


def test_a_chain_is_what_its_description_says() -> None:
    first = ledger.batch_start(RUN, 3)
    by_hand = hashlib.sha256(bytes.fromhex(first) + bytes.fromhex(DIGESTS[0])).hexdigest()

    assert ledger.batch_link(RUN, 3, DIGESTS[:1]) == by_hand


@given(st.data())
def test_an_edited_missing_added_or_moved_record_shows(data: st.DataObject) -> None:
    changed = data.draw(st.lists(st.sampled_from(DIGESTS), max_size=8))

    same = changed == DIGESTS
    assert (ledger.batch_link(RUN, 0, changed) == ledger.batch_link(RUN, 0, DIGESTS)) is same


def test_each_batch_and_each_run_starts_elsewhere() -> None:
    links = {ledger.batch_link(run, number, DIGESTS) for run in (RUN, uuid.UUID(int=2)) for number in (0, 1)}

    assert len(links) == 4


def test_the_root_covers_the_batches_in_their_order() -> None:
    assert ledger.ledger_root(RUN, DIGESTS) != ledger.ledger_root(RUN, DIGESTS[::-1])
