"""Every address of Truecopy."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from migrator.web.api import api
from migrator.web.live import RunSocket
from migrator.web.pages import (
    accounts,
    connections,
    dashboard,
    errors,
    glossary,
    records,
    reviews,
    runs,
    searching,
    tasks,
    tokens,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("migrator.web.health")),
    path("api/v1/", api.urls),
    path("", dashboard.dashboard, name="dashboard"),
    path("login/", accounts.SignInPage.as_view(), name="login"),
    path("logout/", accounts.sign_out, name="logout"),
    path("setup/", accounts.setup, name="setup"),
    path("theme/", accounts.theme, name="theme"),
    path("help/", glossary.glossary, name="help"),
    path("search/", searching.search, name="search"),
    path("connections/", connections.connections, name="connections"),
    path("connections/new/", connections.connection_new, name="connection-new"),
    path("connections/<uuid:pk>/", connections.connection, name="connection"),
    path("connections/<uuid:pk>/edit/", connections.connection_edit, name="connection-edit"),
    path("connections/<uuid:pk>/test/", connections.connection_test, name="connection-test"),
    path("connections/<uuid:pk>/mark/", connections.connection_mark, {"mixed": True}, name="connection-mark"),
    path("connections/<uuid:pk>/unmark/", connections.connection_mark, {"mixed": False}, name="connection-unmark"),
    path("connections/<uuid:pk>/delete/", connections.connection_delete, name="connection-delete"),
    path("tasks/", tasks.tasks, name="tasks"),
    path("tasks/new/", tasks.task_new, name="task-new"),
    path("tasks/keys/", tasks.task_keys, name="task-keys"),
    path("tasks/<uuid:pk>/", tasks.task, name="task"),
    path("tasks/<uuid:pk>/edit/", tasks.task_edit, name="task-edit"),
    path("tasks/<uuid:pk>/plan/", tasks.task_plan, name="task-plan"),
    path("runs/", runs.runs, name="runs"),
    path("runs/<uuid:pk>/", runs.run, name="run"),
    path("runs/<uuid:pk>/live/", runs.run_live, name="run-live"),
    path("runs/<uuid:pk>/start/", runs.run_start, name="run-start"),
    path("runs/<uuid:pk>/pause/", runs.run_move, {"verb": "pause"}, name="run-pause"),
    path("runs/<uuid:pk>/resume/", runs.run_move, {"verb": "resume"}, name="run-resume"),
    path("runs/<uuid:pk>/cancel/", runs.run_cancel, name="run-cancel"),
    path("runs/<uuid:pk>/retry/", runs.run_retry, name="run-retry"),
    path("runs/<uuid:pk>/records/", runs.run_records, name="run-records"),
    path("runs/<uuid:pk>/summary/", runs.run_summary, name="run-summary"),
    path("runs/<uuid:pk>/report.<slug:form>", runs.run_report, name="run-report"),
    path("records/<uuid:pk>/", records.record, name="record"),
    path("records/<uuid:pk>/decide/", records.record_decide, name="record-decide"),
    path("reviews/", reviews.reviews, name="reviews"),
    path("reviews/decide/", reviews.reviews_decide, name="reviews-decide"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/<uuid:pk>/revoke/", tokens.token_revoke, name="token-revoke"),
]

websocket_urlpatterns = [
    path("ws/runs/<uuid:pk>/", RunSocket.as_asgi(), name="run-socket"),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.broken
