import subprocess
import tempfile
from pathlib import Path

import pytest
import redis
from channels_redis.pubsub import RedisPubSubChannelLayer
from rq import Queue

from migrator.local import valkey


@pytest.fixture
def odd_folder():
    """A short folder whose name needs encoding in an address."""
    with tempfile.TemporaryDirectory(prefix="tc va#l?k%y-") as name:
        yield Path(name)


@pytest.fixture
def server(odd_folder):
    socket = valkey.settle_socket(odd_folder, "")
    process = subprocess.Popen(
        valkey.command(valkey.binary(), odd_folder, socket), stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    url = valkey.url_of(socket)
    assert valkey.wait_until_ready(url, 10)
    yield url
    process.terminate()
    process.wait(timeout=10)


async def test_every_client_of_ours_takes_the_address(server):
    layer = RedisPubSubChannelLayer(hosts=[server], prefix="test")
    channel = await layer.new_channel()
    await layer.group_add("group", channel)
    await layer.group_send("group", {"type": "seen"})
    queue = Queue("test", connection=redis.Redis.from_url(server))

    assert await layer.receive(channel) == {"type": "seen"}
    assert queue.count == 0
    await layer.flush()
    queue.connection.close()


def test_nothing_is_evicted_and_everything_written_down(server):
    facts = valkey.facts(server)

    assert facts["maxmemory_policy"] == "noeviction"
    assert facts["aof_enabled"] == 1
    assert facts["rdb_saves"] == 0


def test_there_is_no_port(server, odd_folder):
    with redis.Redis.from_url(server) as client:
        assert client.info("server")["tcp_port"] == 0


def test_a_server_left_behind_is_stopped(server, odd_folder):
    assert valkey.stop_leftover(server, odd_folder, 5)
    assert not valkey.answers(server)


def test_a_server_of_another_folder_is_left_alone(server, tmp_path):
    assert not valkey.stop_leftover(server, tmp_path, 5)
    assert valkey.answers(server)


def test_a_long_path_gets_a_short_private_socket(tmp_path):
    deep = tmp_path / ("x" * 100)

    socket = valkey.settle_socket(deep, "")

    assert len(str(socket)) < valkey.LONGEST_SOCKET_PATH
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    valkey.forget_socket(deep, socket)
    assert not socket.parent.exists()


def test_a_short_private_socket_is_kept_for_the_next_start(tmp_path):
    deep = tmp_path / ("x" * 100)
    first = valkey.settle_socket(deep, "")

    assert valkey.settle_socket(deep, valkey.url_of(first)) == first
    valkey.forget_socket(deep, first)


def test_a_socket_folder_that_others_can_enter_is_not_used_again(tmp_path):
    deep = tmp_path / ("x" * 100)
    (tmp_path / "open").mkdir(mode=0o755)

    socket = valkey.settle_socket(deep, valkey.url_of(tmp_path / "open/valkey.sock"))

    assert socket.parent != tmp_path / "open"
    valkey.forget_socket(deep, socket)


def test_an_address_and_its_path_fit_each_other():
    path = Path("/a b/ü#?%/valkey.sock")

    assert valkey.socket_of(valkey.url_of(path)) == path
