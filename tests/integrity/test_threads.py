"""Hashing side by side: a busy pool delays nobody, and a forked child has threads of its own."""

from __future__ import annotations

import hashlib
import os
import threading

import pytest

from integrity import threads as module
from integrity.digests import PARALLEL_FROM, digest_of
from integrity.layouts import Layout


def test_a_busy_pool_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, data = threading.Event(), os.urandom(PARALLEL_FROM)
    for _ in range(module._executor()._max_workers):
        module._executor().submit(gate.wait, 20)

    found = digest_of(data, [Layout.uniform(len(data), len(data))])
    gate.set()

    assert found.sha256 == hashlib.sha256(data).digest()


def test_a_forked_child_starts_its_own_threads() -> None:
    data = os.urandom(PARALLEL_FROM)
    layouts = [Layout.uniform(len(data), len(data))]
    expected = digest_of(data, layouts)

    child = os.fork()
    if child == 0:
        os._exit(0 if digest_of(data, layouts) == expected else 1)

    assert os.waitpid(child, 0)[1] == 0


def test_a_process_that_forgot_its_threads_starts_others() -> None:
    before = module._executor()

    module._forget_executor()

    assert module._executor() is not before
