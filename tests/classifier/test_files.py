"""classifier/files.py: files that are written completely or not at all."""

import os
import threading

import pytest

from classifier.files import atomic_write, replacing


def test_two_with_one_process_number_write_two_files(tmp_path):
    target = tmp_path / "list.parquet"
    with replacing(target) as one, replacing(target) as other:
        assert one != other
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert target.read_bytes() == b"one" and list(tmp_path.iterdir()) == [target], "whoever ends last"


def test_many_at_once_leave_one_whole_file(tmp_path):
    target, errors = tmp_path / "a", []

    def write(letter: bytes) -> None:
        try:
            for _ in range(20):
                atomic_write(target, letter * 50_000)
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    data = target.read_bytes()
    assert not errors and len(data) == 50_000 and len(set(data)) == 1 and list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
def test_pipe_device_or_folder_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    before = {path: path.stat().st_ino for path in tmp_path.iterdir()}
    for path in before:
        with pytest.raises(OSError, match="it is there already, and no file"):
            atomic_write(path, b"keys")
    assert {path: path.stat().st_ino for path in tmp_path.iterdir()} == before
