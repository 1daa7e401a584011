"""One machine: Valkey, web, workers, cron and the demo's sandboxes, started and stopped as one group."""
