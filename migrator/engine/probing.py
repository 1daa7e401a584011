"""What is found out about a store by asking it: the facts of a bucket, and the test of a connection."""

from migrator.engine.profiling import PROBE_PREFIX, limits_at, probe_destination, same_store
from migrator.engine.sampling import probe_source
from migrator.engine.trying import Step, StepOutcome, try_connection

__all__ = [
    "PROBE_PREFIX",
    "Step",
    "StepOutcome",
    "limits_at",
    "probe_destination",
    "probe_source",
    "same_store",
    "try_connection",
]
