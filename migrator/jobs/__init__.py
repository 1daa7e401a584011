"""What a worker does. These are RQ's entry points: ids in, nothing out; the database is the truth.

plan       list both sides, freeze the plan, make the run `ready` (or start it at once)
work       claim one batch after another until none is left or the slice of time is over
finish     end a run whose batches are all settled: balance the books, seal the ledger
reconcile  every 30 seconds: free what a lost worker held, enqueue what a running run lacks
"""

from migrator.jobs.ending import finish
from migrator.jobs.planning import plan
from migrator.jobs.reconciling import reconcile
from migrator.jobs.stopping import request_stop, stopping
from migrator.jobs.working import work

# The only functions a worker runs, whatever a queue may hold.
ALLOWED = frozenset({"migrator.jobs.plan", "migrator.jobs.work", "migrator.jobs.finish", "migrator.jobs.reconcile"})

__all__ = ["ALLOWED", "finish", "plan", "reconcile", "request_stop", "stopping", "work"]
