import os
import stat
from pathlib import Path

import pytest

from migrator import settings
from migrator.local import folder
from migrator.local.folder import AlreadyRunning, DataFolder, Refused


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_start_makes_a_private_folder_with_private_keys(tmp_path):
    environ = {}

    folder.choose(["manage.py", "start", "--data", str(tmp_path / "new")], environ)

    assert _mode(tmp_path / "new") == 0o700
    assert _mode(tmp_path / "new/keys/secret_key") == 0o600
    assert _mode(tmp_path / "new/keys/credentials_key") == 0o600
    assert environ["DATA_DIR"] == str(tmp_path / "new")


def test_keys_survive_a_second_start(tmp_path):
    folder.choose(["manage.py", "start", "--data", str(tmp_path)], {})
    before = (tmp_path / "keys/credentials_key").read_bytes()

    folder.choose(["manage.py", "start", "--data", str(tmp_path)], {})

    assert (tmp_path / "keys/credentials_key").read_bytes() == before


def test_a_key_from_the_environment_is_not_made(tmp_path):
    folder.choose(["manage.py", "start", "--data", str(tmp_path)], {"CREDENTIALS_KEY_FILE": "/somewhere"})

    assert not (tmp_path / "keys/credentials_key").exists()


def test_data_wins_over_the_environment_and_is_taken_from_the_arguments(tmp_path):
    environ = {"DATA_DIR": "/elsewhere"}

    rest = folder.choose(["manage.py", "doctor", f"--data={tmp_path}", "--json"], environ)

    assert rest == ["manage.py", "doctor", "--json"]
    assert environ["DATA_DIR"] == str(tmp_path)


def test_other_commands_make_nothing(tmp_path):
    folder.choose(["manage.py", "doctor", "--data", str(tmp_path / "new")], {})

    assert not (tmp_path / "new").exists()


def test_asking_for_help_makes_nothing(tmp_path):
    folder.choose(["manage.py", "start", "--help", "--data", str(tmp_path / "new")], {})

    assert not (tmp_path / "new").exists()


def test_a_demo_keeps_its_own_folder(tmp_path):
    environ = {}

    folder.choose(["manage.py", "demo", "--data", str(tmp_path)], environ)

    assert environ["DATA_DIR"] == str(tmp_path / "demo")
    assert environ["DEMO"] == "1"
    assert DataFolder(tmp_path / "demo").is_demo


def test_a_demo_named_by_its_own_folder_is_not_nested(tmp_path):
    folder.choose(["manage.py", "demo", "--data", str(tmp_path)], {})
    environ = {}

    folder.choose(["manage.py", "demo", "--data", str(tmp_path / "demo")], environ)

    assert environ["DATA_DIR"] == str(tmp_path / "demo")


def test_start_refuses_the_folder_of_a_demo(tmp_path):
    folder.choose(["manage.py", "demo", "--data", str(tmp_path)], {})

    with pytest.raises(Refused, match="folder of a demo"):
        folder.choose(["manage.py", "start", "--data", str(tmp_path / "demo")], {})


def test_a_demo_refuses_a_real_installation(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/db.sqlite3").touch()

    with pytest.raises(Refused, match="real installation"):
        folder.choose(["manage.py", "demo", "--data", str(tmp_path)], {})


def test_a_file_in_place_of_the_folder_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(Refused, match="Choose another one with --data"):
        folder.choose(["manage.py", "start", "--data", str(tmp_path / "file")], {})


def test_a_second_instance_is_told_where_the_first_one_is(tmp_path):
    first = DataFolder(tmp_path)
    first.lock()
    first.tell(pid=4711, url="http://127.0.0.1:8000/")

    with pytest.raises(AlreadyRunning, match=r"already running at http://127.0.0.1:8000/ .*4711"):
        DataFolder(tmp_path).lock()


def test_a_folder_given_free_can_be_locked_again(tmp_path):
    first = DataFolder(tmp_path)
    first.lock()
    first.unlock()

    DataFolder(tmp_path).lock()


def test_folder_and_settings_agree_on_the_usual_place():
    assert folder.DEFAULT == settings.BASE_DIR / ".local"
