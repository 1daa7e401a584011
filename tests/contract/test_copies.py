"""A small migration inside one store: every byte right, every item proven, nothing left open."""

from __future__ import annotations

import os

import pytest

from integrity.etags import normalise
from integrity.evidence import Proof
from integrity.layouts import MIB
from integrity.verdicts import judge
from migrator.engine.copying import Copier, CopyOptions, Side
from migrator.engine.errors import Stopped
from migrator.engine.listing import list_objects
from migrator.engine.planning import plan
from migrator.engine.probing import probe_destination, probe_source, same_store
from tests.contract.conftest import Ground, open_uploads
from tests.contract.test_stores import THREE_LETTERS, put, upload
from tests.faults.two_stores import Told


def test_everything_copied_is_verified_and_byte_identical(ground: Ground) -> None:
    bodies = {
        name: os.urandom(size) for name, size in [("0", 0), ("1", 1), ("caf\u00e9 + %", 70_000), ("m", 6_000_000)]
    }
    for name, body in bodies.items():
        put(ground, f"from/{name}", body)
    upload(ground, "from/film", [*THREE_LETTERS[:2], b"end"])
    bodies["film"] = b"".join([*THREE_LETTERS[:2], b"end"])
    source_prefix, dest_prefix = ground.key("from/"), ground.key("to/")
    source = Side(ground.store, ground.bucket, source_prefix, probe_source(ground.store, ground.bucket, source_prefix))
    dest = Side(ground.store, ground.bucket, dest_prefix, probe_destination(ground.store, ground.bucket, dest_prefix))
    options, told = CopyOptions(), Told()
    (batch,) = plan(list_objects(ground.store, ground.bucket, source_prefix), (), source_prefix, dest_prefix)

    findings = list(Copier(source, dest, options, told).copy_batch(batch.items))

    badges = {f.key.removeprefix(source_prefix): judge(f.checks, options.policy, f.error_code).badge for f in findings}
    assert set(badges) == set(bodies)
    assert all(badge.startswith("Verified") for badge in badges.values()), badges
    assert {name: ground.read(f"to/{name}") for name in bodies} == bodies
    assert told.opened == told.closed
    assert open_uploads(ground) == ()


@pytest.mark.differs("rclone", by="states the MD5 of the whole, however it was uploaded")
def test_the_layout_of_another_client_gives_the_same_etag(ground: Ground) -> None:
    etag = upload(ground, "from/film", [*THREE_LETTERS, b"end"])
    source_prefix, dest_prefix = ground.key("from/"), ground.key("to/")
    (batch,) = plan(list_objects(ground.store, ground.bucket, source_prefix), (), source_prefix, dest_prefix)

    side = Side(ground.store, ground.bucket)
    list(Copier(side, side, CopyOptions(), Told()).copy_batch(batch.items))

    assert normalise(ground.store.head(ground.bucket, ground.key("to/film")).etag or "") == etag


def test_the_probe_leaves_nothing_behind(ground: Ground) -> None:
    probe_destination(ground.store, ground.bucket, ground.prefix)

    assert list(list_objects(ground.store, ground.bucket, ground.prefix)) == []
    assert open_uploads(ground) == ()


def test_the_probe_sees_a_new_object_at_once(ground: Ground) -> None:
    assert probe_destination(ground.store, ground.bucket, ground.prefix).read_after_write_seconds == 0


@pytest.mark.differs("rclone", by="has no tags")
def test_the_probe_sees_that_tags_are_kept(ground: Ground) -> None:
    assert probe_destination(ground.store, ground.bucket, ground.prefix).tagging is True


@pytest.mark.differs("seaweedfs", by="does not look at the size that an upload is to have")
@pytest.mark.differs("rclone", by="proves no checksum, and the size goes beside one only")
def test_the_probe_sees_that_an_upload_of_another_size_is_refused(ground: Ground) -> None:
    assert probe_destination(ground.store, ground.bucket, ground.prefix).complete_size is Proof.REJECTS


def test_a_marker_shows_that_two_addresses_are_one_place(ground: Ground) -> None:
    assert same_store(ground.store, ground.bucket, ground.store, ground.bucket, ground.prefix)
    assert list(list_objects(ground.store, ground.bucket, ground.prefix)) == []


def test_a_stopped_upload_is_continued_where_etags_name_parts_else_begun_anew(ground: Ground) -> None:
    parts = [os.urandom(5 * MIB), os.urandom(5 * MIB), os.urandom(5 * MIB), os.urandom(5 * MIB), b"end"]
    upload(ground, "from/film", parts)
    source_prefix, dest_prefix = ground.key("from/"), ground.key("to/")
    dest = Side(ground.store, ground.bucket, dest_prefix, probe_destination(ground.store, ground.bucket, dest_prefix))
    source = Side(ground.store, ground.bucket, source_prefix, dest.profile)
    options, told = CopyOptions(keep_above=5 * MIB), Told(stop_after=12 * MIB)
    (batch,) = plan(list_objects(ground.store, ground.bucket, source_prefix), (), source_prefix, dest_prefix)
    with pytest.raises(Stopped):
        list(Copier(source, dest, options, told).copy_batch(batch.items))
    kept = [each.upload_id for each in open_uploads(ground)]
    told.stop_after = None

    known = {ground.key("to/film"): told.kept(*kept)}
    (finding,) = Copier(source, dest, options, told, kept_uploads=known).copy_batch(batch.items)

    can_tell = dest.profile.proves_multipart_etag
    assert len(kept) == can_tell
    assert ("upload_continued" in finding.notes) == can_tell
    assert judge(finding.checks, options.policy, finding.error_code).badge.startswith("Verified")
    assert ground.read("to/film") == b"".join(parts)
    assert open_uploads(ground) == ()
