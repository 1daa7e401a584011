"""The figures behind /metrics, read from database and queue when they are asked for: right in any process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Sum
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry
from redis.exceptions import RedisError

from integrity.models import Review
from migrator.models import Batch, OpenUpload, Run
from migrator.models.progress import progress_of
from migrator.web import heard

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.metrics_core import Metric

BOOKS = ("planned", "verified", "unverified", "failed", "skipped")
BYTES = ("bytes_planned", "bytes_settled", "bytes_copied")


class Figures(Collector):
    """Books, rates, batches, workers and open reviews. No label holds a name that people chose."""

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the registry need not ask the database to learn the names."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Yield every figure as it is now."""
        yield from _runs()
        yield from _rates()
        yield from _work()


def _runs() -> Iterable[Metric]:
    states = GaugeMetricFamily("truecopy_runs", "Runs by state", labels=["state"])
    counted = dict(Run.objects.order_by("state").values_list("state").annotate(Count("pk")))
    for state in Run.State.values:
        states.add_metric([state], counted.get(state, 0))
    yield states
    sums = Run.objects.aggregate(**{name: Sum(name) for name in (*BOOKS, *BYTES)})
    items = GaugeMetricFamily("truecopy_items", "Items of all runs by where they stand in the books", labels=["book"])
    for name in BOOKS:
        items.add_metric([name], sums[name] or 0)
    yield items
    sizes = GaugeMetricFamily("truecopy_bytes", "Bytes of all runs", labels=["book"])
    for name in BYTES:
        sizes.add_metric([name.removeprefix("bytes_")], sums[name] or 0)
    yield sizes


def _rates() -> Iterable[Metric]:
    moving = [progress_of(run) for run in Run.objects.filter(state=Run.State.RUNNING)]
    yield GaugeMetricFamily(
        "truecopy_bytes_per_second", "Bytes of the running runs, last minute", sum(one.bytes_per_s for one in moving)
    )
    yield GaugeMetricFamily(
        "truecopy_items_per_second", "Items of the running runs, last minute", sum(one.objects_per_s for one in moving)
    )


def _work() -> Iterable[Metric]:
    unfinished = Batch.objects.filter(run__state=Run.State.RUNNING).exclude(state=Batch.State.SETTLED)
    batches = GaugeMetricFamily("truecopy_batches", "Batches of running runs by state", labels=["state"])
    counted = dict(unfinished.order_by("state").values_list("state").annotate(Count("pk")))
    for state in (Batch.State.PENDING, Batch.State.RUNNING):
        batches.add_metric([state], counted.get(state, 0))
    yield batches
    reviews = Review.objects.filter(state=Review.State.OPEN).count()
    yield GaugeMetricFamily("truecopy_open_reviews", "Reviews that nobody has decided", reviews)
    yield GaugeMetricFamily("truecopy_open_uploads", "Multipart uploads that may be open", OpenUpload.objects.count())
    yield from _queue()


def _queue() -> Iterable[Metric]:
    try:
        workers, waiting = heard.workers_heard(), heard.jobs_waiting()
    except (RedisError, OSError):
        yield GaugeMetricFamily("truecopy_redis_up", "Whether Redis answers", 0)
        return
    yield GaugeMetricFamily("truecopy_redis_up", "Whether Redis answers", 1)
    yield GaugeMetricFamily("truecopy_workers", "Workers that spoke in the last 90 seconds", workers)
    yield GaugeMetricFamily("truecopy_jobs_waiting", "Jobs in the queue", waiting)


registry = CollectorRegistry(auto_describe=False)
registry.register(Figures())
