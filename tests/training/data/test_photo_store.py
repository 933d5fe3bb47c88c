"""training/data/photo_store.py and store_writer.py: many photos wait at working size, in a file that goes."""

import errno
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from classifier.photo import PhotoError, open_photo
from helpers.photos import make_photos, noisy_photo
from training.data import store_writer
from training.data.photo_store import PhotoStore, working_side
from training.data.photos import readable_photos
from training.data.store_writer import LOCK, StoreWriter


@pytest.fixture
def photos(tmp_path):
    """Ten photos of three labels each, 80 by 60 pixels."""
    return make_photos(tmp_path / "photos")


@pytest.fixture
def folder(photos):
    """Where the file goes."""
    return photos / ".features"


def free(monkeypatch, n_bytes: float) -> None:
    """Let the disk have so many bytes free."""
    monkeypatch.setattr(store_writer.shutil, "disk_usage", lambda folder: SimpleNamespace(free=n_bytes))


def test_photos_are_kept_in_their_proportions(photos, folder, capsys):
    with StoreWriter(folder, 30, 5) as writer:
        found = readable_photos(photos, writer)
        (kept,) = folder.glob("photos-*")
        assert kept.suffix == ".rgb" and kept.stat().st_size == 30 * 40 * 30 * 3
        shown = found.store.open(found.train[7])
        assert shown.size == (40, 30)
        small = open_photo(found.train[7]).resize((40, 30), Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(shown, int) - np.asarray(small, int)).mean() < 2
        again = pickle.loads(pickle.dumps(found.store))  # for another process
        assert np.array_equal(again.open(found.train[7]), shown)
    assert list(folder.glob("photos-*")) == []
    assert "30 photos are kept at 30 pixels in" in capsys.readouterr().out
    assert np.array_equal(found.store.open(found.train[7]), small)  # the file is gone: decoded


def test_small_photos_stay_as_they_are(photos, folder):
    with StoreWriter(folder, 320, 5) as writer:
        found = readable_photos(photos, writer)
        assert np.array_equal(found.store.open(found.train[0]), open_photo(found.train[0]))


def test_few_photos_need_none(photos, folder, capsys):
    with StoreWriter(folder, 30, 30) as writer:
        assert readable_photos(photos, writer).store is None
    assert not folder.exists() and capsys.readouterr().out.strip() == ""


def test_jpegs_are_kept_where_pixels_have_no_room(photos, folder, monkeypatch, capsys):
    free(monkeypatch, 2 * 30 * 40 * 30 * 1)
    with StoreWriter(folder, 30, 5) as writer:
        found = readable_photos(photos, writer)
        assert found.store.path.suffix == ".jpg"
        shown = np.asarray(found.store.open(found.train[7]), int)
        assert np.abs(shown - np.asarray(PhotoStore(30).open(found.train[7]), int)).mean() < 8
    assert "of JPEGs, since" in capsys.readouterr().out


def test_without_room_photos_are_decoded_again(photos, folder, monkeypatch, capsys):
    free(monkeypatch, 1000)
    with StoreWriter(folder, 30, 5) as writer:
        found = readable_photos(photos, writer)
        assert found.store.path is None and found.store.open(found.train[0]).size == (40, 30)
    said = capsys.readouterr().out.split("\n")[:-1]
    assert len(said) == 1 and "each epoch of fine-tuning decodes them again" in said[0]


def test_a_disk_that_fills_up_is_one_sentence(photos, folder, monkeypatch, capsys):
    with StoreWriter(folder, 30, 5) as writer:
        writer.begin(30)
        write = writer._file.write
        monkeypatch.setattr(writer, "begin", lambda n: None)

        def fill(data: bytes) -> int:
            if len(writer.store.rows) > 9:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(data)

        writer._file = SimpleNamespace(write=fill, tell=writer._file.tell, close=writer._file.close)
        found = readable_photos(photos, writer)
        assert found.store.rows == {} and list(folder.glob("photos-*")) == []
        assert found.store.open(found.train[20]).size == (40, 30) and found.unreadable == {}
    said = capsys.readouterr().out.split("\n")[:-1]
    assert len(said) == 2 and "(No space left on device)" in said[1]


def test_a_folder_that_cannot_be_written_is_replaced(photos, folder):
    folder.write_text("a file is where the folder should be")
    with StoreWriter(folder, 30, 5) as writer:
        found = readable_photos(photos, writer)
        path = found.store.path
        assert path.parent.name.startswith("fieldguide-") and path.stat().st_size == 30 * 40 * 30 * 3
    assert not path.parent.exists()


def test_what_a_killed_run_left_is_removed_and_what_another_one_uses_is_not(photos, folder):
    folder.mkdir()
    left = folder / "photos-1.rgb"
    left.write_bytes(b"half")
    with FileLock(folder / LOCK, is_singleton=False), StoreWriter(folder, 30, 5) as writer:
        writer.begin(30)
        assert writer.store.path.parent != folder and left.exists()
    with StoreWriter(folder, 30, 5) as writer:
        writer.begin(30)
        assert writer.store.path.parent == folder and not left.exists()


def test_an_interrupted_pass_leaves_nothing(photos, folder, monkeypatch):
    def interrupt(self, photo):
        raise KeyboardInterrupt

    monkeypatch.setattr(PhotoStore, "at_working_size", interrupt)
    with pytest.raises(KeyboardInterrupt), StoreWriter(folder, 30, 5) as writer:
        readable_photos(photos, writer)
    assert list(folder.glob("photos-*")) == []


def test_a_photo_that_changes_keeps_its_pixels_and_one_that_goes_is_named(photos, folder):
    with StoreWriter(folder, 30, 5) as writer:
        found = readable_photos(photos, writer)
        before = np.asarray(found.store.open(found.train[0]))
        noisy_photo((1, 2, 3), 9).save(found.train[0])
        assert np.array_equal(found.store.open(found.train[0]), before)
        with pytest.raises(PhotoError, match="no file"):
            PhotoStore(30).open(photos / "red" / "gone.png")


def test_a_crop_of_half_a_photo_fills_the_model():
    assert working_side(224) == 320
    assert (working_side(224) ** 2 / 2) ** 0.5 > 224


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "decoded"])
@pytest.mark.parametrize("box", [(3, 2, 20, 9), (0, 0, 30, 20), (-5, -4, 25, 26), (-2, 5, 32, 15)], ids=str)
def test_a_part_of_a_photo_is_what_pillow_cuts_out(tmp_path, kept, box):
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))
    photo.save(file := tmp_path / "a.png")
    with StoreWriter(tmp_path, 20, 0) as writer:
        writer.begin(1)
        if kept:
            writer.keep(tmp_path / "before.png", Image.new("RGB", (21, 20)))
            writer.keep(file, photo)
        part = writer.finish().crop(file, lambda size: {(30, 20): box}[size])
    assert np.array_equal(part, np.asarray(photo.crop(box)))
