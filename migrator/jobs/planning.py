"""Planning a run: both sides listed as sorted streams, merged, and frozen into batches."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import DataError, transaction
from django.db.models import F, Q
from django.utils import timezone

from integrity import records
from integrity.evidence import Profile, Statement, profile_from_json, profile_to_json
from integrity.forecast import forecast, forecast_to_json
from integrity.keys import from_record
from migrator import events
from migrator.credentials import CredentialsUnreadable
from migrator.engine.ahead import read_ahead
from migrator.engine.copying import Side
from migrator.engine.errors import EngineError, ListingInvalid, VersionsNotKept
from migrator.engine.foreseeing import Classes, look_at, wish_of
from migrator.engine.frozen_items import encode_items
from migrator.engine.listing import LARGEST_PAGE, Gap, ListedObject, key_bytes, list_around, list_objects
from migrator.engine.planning import PlannedBatch, PlanOptions, PlanSummary, is_legal_key
from migrator.engine.planning import plan as plan_batches
from migrator.engine.probing import limits_at, probe_destination, probe_source, same_store
from migrator.engine.versions import current_in, list_versions, list_versions_around, versions_in
from migrator.jobs.ending import end_incomplete, not_listed
from migrator.jobs.histories import Wanted, copies_all, current_again, versions_again
from migrator.jobs.queue import enqueue
from migrator.jobs.sides import copy_options, source_store_of, store_of
from migrator.models import Batch, Run, StoreProfile

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Iterator

    from migrator.engine.stores import Store

    # None stands for a key that holds nothing, or for a while in which nothing came: a sign of life.
    _Listing = Iterator[ListedObject | None]

log = structlog.get_logger(__name__)

PROFILE_LIFE = timedelta(days=30)
_BATCHES_A_WRITE = 20
# A plan that so many attempts could not make needs a person, not one more attempt.
MOST_ATTEMPTS = 20
_NEVER_MADE = (
    f"This plan was begun {MOST_ATTEMPTS} times and never came to its end. Nothing was copied. "
    "Ask an admin to look at the log of the workers, then plan again."
)


class _Overtaken(Exception):
    """Another worker has taken over this plan, or a person has cancelled the run."""


def plan(run_id: str) -> None:
    """Make the plan of a run that is `planning`; a second call for the same run leaves quietly."""
    run = _claim(run_id)
    if run is None:
        return
    if run.plan_attempt > MOST_ATTEMPTS:
        end_incomplete(run, "listing_incomplete", _NEVER_MADE)
        return
    try:
        _plan(run)
    except _Overtaken:
        log.info("plan_overtaken", run=run_id)
    except EngineError as exc:
        end_incomplete(run, _cause(exc), exc.advice_admin)
    except CredentialsUnreadable as exc:
        end_incomplete(run, "credentials_refused", exc.advice)
    except (DataError, OverflowError):
        # It is refused each time: most likely a number that is too large, alone or summed up with the others.
        log.exception("plan_refused", run=run_id)
        refused = ListingInvalid(facts={"bucket": run.task.source_bucket, "fault": "it holds what no database takes"})
        end_incomplete(run, _cause(refused), refused.advice_admin)


def begin(run_id: uuid.UUID | str) -> bool:
    """Move a `ready` run to `running` and enqueue its first jobs; whether this call was the one that did."""
    begun = Run.objects.filter(~Q(planned=0) | Q(empty_confirmed=True), pk=run_id, state=Run.State.READY).update(
        state=Run.State.RUNNING, cause="", cause_text="", begun_at=timezone.now()
    )
    if begun != 1:
        return False
    transaction.on_commit(partial(events.publish, run_id, events.Change.STATE))
    enqueue_work(run_id)
    return True


def enqueue_work(run_id: uuid.UUID | str) -> None:
    """Enqueue as many `work` jobs as a run has use for: one a pending batch, up to its share of the workers."""
    pending = Batch.objects.filter(run_id=run_id, state=Batch.State.PENDING).count()
    if not pending:
        enqueue("finish", run_id)
    for _ in range(min(pending, settings.JOBS_A_RUN)):
        enqueue("work", run_id)


def _cause(error: EngineError) -> str:
    return error.refuse_cause or error.pause_cause or error.error_code or "plan_unreadable"


def _claim(run_id: str) -> Run | None:
    now = timezone.now()
    stale = now - timedelta(seconds=settings.STALE_AFTER_SECONDS)
    claimed = Run.objects.filter(
        Q(heartbeat_at__isnull=True) | Q(heartbeat_at__lt=stale), pk=run_id, state=Run.State.PLANNING
    ).update(plan_attempt=F("plan_attempt") + 1, heartbeat_at=now, started_at=now)
    if claimed != 1:
        return None
    return Run.objects.select_related("task__source_connection", "task__dest_connection").get(pk=run_id)


def _plan(run: Run) -> None:
    with transaction.atomic():
        _beat(run)
        Batch.objects.filter(run=run).delete()
    task, options = run.task, run.options
    source, dest = source_store_of(run), store_of(task.dest_connection)
    known = _source_profile(run, source), _destination_profile(run, dest)
    _beat(run)
    may_write = options["probe"] and run.kind != Run.Kind.VERIFY
    if may_write and task.source_bucket == task.dest_bucket and _is_one_place(run, source, dest):
        end_incomplete(run, "same_place", "Source and destination are one place under two addresses. Pick another.")
        return
    if copies_all(run) and run.kind != Run.Kind.VERIFY and not dest.keeps_versions(task.dest_bucket):
        raise VersionsNotKept(facts={"bucket": task.dest_bucket})
    wanted = _wanted(run)
    gaps: list[Gap] = []
    # Who no longer makes this plan, as one whose run is cancelled, waits for no page that is long in coming.
    left = threading.Event()
    listings = _listings(run, wanted, source.until(left.is_set), dest.until(left.is_set), gaps)
    summary, classes = PlanSummary(), Classes(copy_options(run), str(run.pk), known[1].limits)
    # Both are waited for at once, and while the plan is made of what has come.
    with (
        read_ahead(listings[0], LARGEST_PAGE, left.set) as source_listing,
        read_ahead(listings[1], LARGEST_PAGE, left.set) as dest_listing,
    ):
        batches = plan_batches(
            _beating(run, source_listing),
            _beating(run, dest_listing),
            task.source_prefix,
            task.dest_prefix,
            _plan_options(run, wanted),
            summary,
            gaps,
        )
        _store_batches(run, classes.counting(batches))
    unlisted = [str(gap) for gap in gaps]
    if unlisted and not summary.objects:
        raise not_listed(task.source_bucket, unlisted)
    side = Side(source, task.source_bucket, task.source_prefix, known[0])
    # The forecast is one of copies; a run that only compares has its own grades.
    foreseen = None if run.kind == Run.Kind.VERIFY else _forecast(run, classes, side, known[1])
    profiles = {"source": profile_to_json(known[0]), "destination": profile_to_json(known[1])}
    _freeze(run, {**summary.to_json(), "forecast": foreseen, "unlisted": unlisted}, profiles)


def _forecast(run: Run, classes: Classes, source: Side, destination: Profile) -> dict[str, object]:
    """Ask about a few objects of each class at the source, and say what the run can prove."""
    options, looks = classes.options, {}
    for item_class, items in classes.to_ask():
        _beat(run)
        looks[item_class] = look_at(source, items)
    return forecast_to_json(forecast(classes.planned, looks, source.profile, destination, wish_of(options)))


def _wanted(run: Run) -> list[Wanted] | None:
    """Return what a retry is about, in the order of the keys; None where the listing says what there is."""
    if run.kind != Run.Kind.RETRY or run.retry_of_id is None:
        return None
    rows = records.to_retry(run.retry_of_id).values_list(
        "object_key", "source_facts__key_base64", "source_version_id", "source_size", "source_etag"
    )
    wanted = [Wanted(from_record(key, coded), version, size or 0, etag) for key, coded, version, size, etag in rows]
    return sorted(wanted, key=lambda each: key_bytes(each.key))


def _listings(
    run: Run, wanted: list[Wanted] | None, source: Store, dest: Store, gaps: list[Gap]
) -> tuple[_Listing, _Listing]:
    """Return what there is on both sides. What of the source cannot be listed is added to `gaps` meanwhile.

    The destination's listing has none: behind one an object that is there already would not be seen. A retry, which
    asks for each key by itself, has the key alone that cannot be listed.
    """
    task = run.task
    if copies_all(run):
        at_source = (task.source_bucket, task.source_prefix)
        listed = (
            versions_in(list_versions_around(source, *at_source, gaps))
            if wanted is None
            else versions_again(source, task.source_bucket, wanted, gaps)
        )
        if wanted is None:
            return listed, current_in(list_versions(dest, task.dest_bucket, task.dest_prefix))
        return listed, current_again(dest, task.dest_bucket, _dest_keys(run, wanted))
    if wanted is None:
        return (
            list_around(source, task.source_bucket, task.source_prefix, gaps),
            list_objects(dest, task.dest_bucket, task.dest_prefix),
        )
    return (
        (_again(source, task.source_bucket, each) for each in wanted),
        _present(dest, task.dest_bucket, _dest_keys(run, wanted)),
    )


def _dest_keys(run: Run, wanted: list[Wanted]) -> list[str]:
    """Return where these keys go, each once."""
    cut = len(run.task.source_prefix)
    return [run.task.dest_prefix + key[cut:] for key in dict.fromkeys(each.key for each in wanted)]


def _again(store: Store, bucket: str, wanted: Wanted) -> ListedObject:
    """Return what a key is now; one that is gone is planned as it was, so that its record says `source_gone`."""
    found = store.find(bucket, wanted.key) if is_legal_key(wanted.key) else None
    if found is None:
        return ListedObject(wanted.key, wanted.size, wanted.etag, last_modified="", storage_class="")
    return _as_listed(wanted.key, found)


def _present(store: Store, bucket: str, keys: list[str]) -> Iterator[ListedObject | None]:
    """Yield what each key holds now, None where it holds nothing: nobody waits for more than one request."""
    for key in keys:
        found = store.find(bucket, key) if is_legal_key(key) else None
        yield None if found is None else _as_listed(key, found)


def _as_listed(key: str, found: Statement) -> ListedObject:
    return ListedObject(
        key=key,
        size=found.size or 0,
        etag=found.etag or "",
        last_modified=found.last_modified,
        storage_class=found.storage_class or "",
    )


def _is_one_place(run: Run, source: Store, dest: Store) -> bool:
    """Whether a marker written at the destination is seen through the source, where the prefixes overlap."""
    task = run.task
    ends = (task.source_prefix, task.dest_prefix)
    overlap = ends[0].startswith(ends[1]) or ends[1].startswith(ends[0])
    return overlap and same_store(source, task.source_bucket, dest, task.dest_bucket, task.dest_prefix)


def _plan_options(run: Run, wanted: list[Wanted] | None) -> PlanOptions:
    options = run.options
    only = frozenset((each.key, each.version_id) for each in wanted or ())
    return PlanOptions(
        only=only if wanted is not None and copies_all(run) else None,
        include=tuple(options["include"]),
        exclude=tuple(options["exclude"]),
        min_size=options["min_size"],
        max_size=options["max_size"],
        modified_after=options["modified_after"],
        modified_before=options["modified_before"],
        sample_percent=options.get("sample_percent") or 100,
        sample_seed=options.get("seed") or 0,
    )


def _store_batches(run: Run, batches: Iterator[PlannedBatch]) -> None:
    group: list[Batch] = []
    for batch in batches:
        group.append(
            Batch(
                run=run,
                number=batch.number,
                items=encode_items(batch.items),
                item_count=len(batch.items),
                first_index=batch.items[0].index,
                size=batch.size,
            )
        )
        if len(group) == _BATCHES_A_WRITE:
            _write(run, group)
            group = []
    _write(run, group)


def _write(run: Run, group: list[Batch]) -> None:
    with transaction.atomic():
        _beat(run)
        Batch.objects.bulk_create(group)


def _beating(run: Run, listing: _Listing) -> Iterator[ListedObject]:
    """Pass on what is there, with a heartbeat by the clock: a long listing that plans little is no lost worker."""
    due = time.monotonic() + settings.HEARTBEAT_SECONDS
    for listed in listing:
        if listed is not None:
            yield listed
        if time.monotonic() > due:
            _beat(run)
            due = time.monotonic() + settings.HEARTBEAT_SECONDS


def _beat(run: Run) -> None:
    """Say that this plan is being worked on; raises `_Overtaken` when it is no longer ours."""
    ours = Run.objects.filter(pk=run.pk, state=Run.State.PLANNING, plan_attempt=run.plan_attempt)
    if ours.update(heartbeat_at=timezone.now()) != 1:
        raise _Overtaken


def _freeze(run: Run, summary: dict[str, Any], profiles: dict[str, Any]) -> None:
    empty = summary["objects"] == 0 and not run.empty_confirmed
    # In one: a run that starts by itself and was only planned when its worker died would stay `ready` for ever.
    with transaction.atomic():
        frozen = Run.objects.filter(pk=run.pk, state=Run.State.PLANNING, plan_attempt=run.plan_attempt).update(
            state=Run.State.READY,
            cause="empty_plan" if empty else "",
            planned=summary["objects"],
            bytes_planned=summary["size"],
            listing_complete=not summary["unlisted"],
            plan_summary=summary,
            profiles=profiles,
        )
        if frozen != 1:
            raise _Overtaken
        if run.auto_start and not empty:
            begin(run.pk)
    events.publish(run.pk, events.Change.STATE)


def _source_profile(run: Run, store: Store) -> Profile:
    task = run.task
    kept = _kept_profile(run, StoreProfile.Side.SOURCE)
    if kept is not None:
        return kept
    place = (task.source_bucket, task.source_prefix)
    profile = _read(run, store, lambda seen: probe_source(seen, *place, filter(None, list_around(seen, *place, []))))
    return _keep_profile(run, StoreProfile.Side.SOURCE, profile)


def _destination_profile(run: Run, store: Store) -> Profile:
    kept = _kept_profile(run, StoreProfile.Side.DESTINATION)
    if kept is not None:
        return kept
    place = (run.task.dest_bucket, run.task.dest_prefix)
    if run.kind == Run.Kind.VERIFY:
        # Known by reading only, for this run: it is kept apart from what a destination has shown to refuse.
        return _read(run, store, lambda seen: probe_source(seen, *place))
    if not run.options["probe"]:
        return Profile(limits=limits_at(store))
    profile = _found_out(run, lambda: probe_destination(store, *place))
    return _keep_profile(run, StoreProfile.Side.DESTINATION, profile)


def _read(run: Run, store: Store, ask: Callable[[Store], Profile]) -> Profile:
    """Find out by reading alone, which may be left where it is: a probe that writes must clear away what it wrote."""
    left = threading.Event()
    return _found_out(run, lambda: ask(store.until(left.is_set)), left.set)


def _found_out(run: Run, ask: Callable[[], Profile], leaving: Callable[[], object] = lambda: None) -> Profile:
    """Ask in a thread, with a heartbeat meanwhile: a store that is long silent is no lost worker."""
    with ThreadPoolExecutor(1, "probing") as pool:
        asked = pool.submit(ask)
        try:
            while not wait([asked], settings.HEARTBEAT_SECONDS).done:
                _beat(run)
        finally:
            leaving()
        return asked.result()


def _place(run: Run, side: StoreProfile.Side) -> dict[str, Any]:
    task = run.task
    if side is StoreProfile.Side.SOURCE:
        return {"connection": task.source_connection, "bucket": task.source_bucket, "side": side}
    return {"connection": task.dest_connection, "bucket": task.dest_bucket, "side": side}


def _kept_profile(run: Run, side: StoreProfile.Side) -> Profile | None:
    """Return the stored profile unless it is missing, older than 30 days, or older than its connection."""
    place = _place(run, side)
    oldest = max(timezone.now() - PROFILE_LIFE, place["connection"].updated_at)
    kept = StoreProfile.objects.filter(**place, probed_at__gte=oldest).first()
    return profile_from_json(kept.facts_in_use) if kept else None


def _keep_profile(run: Run, side: StoreProfile.Side, profile: Profile) -> Profile:
    """Store what was probed; returns what the run goes by, for a mark outlives the probe."""
    now = timezone.now()
    dated = replace(profile, probed_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    kept, _ = StoreProfile.objects.update_or_create(
        **_place(run, side), defaults={"facts": profile_to_json(dated), "probed_at": now}
    )
    return profile_from_json(kept.facts_in_use)
