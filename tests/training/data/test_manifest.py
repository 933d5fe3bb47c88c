"""training/data/manifest.py: a model can be traced to its photos."""

import shutil

from helpers.photos import make_photos
from training.data.__main__ import main
from training.data.manifest import manifest, manifest_sha256
from training.data.photos import readable_photos


def test_the_list_depends_on_content_label_and_set_alone(tmp_path, capsys):
    data = make_photos(tmp_path / "a", n=6)
    before = manifest_sha256(readable_photos(data))
    copy = shutil.copytree(data, tmp_path / "elsewhere")
    (copy / "red" / "00.png").rename(copy / "red" / "renamed.png")
    assert manifest_sha256(readable_photos(copy)) == before and len(before) == 64
    (copy / "red" / "renamed.png").rename(copy / "blue" / "renamed.png")
    assert manifest_sha256(readable_photos(copy)) != before
    main(str(data))
    assert f"SHA-256 of their list: {before}" in capsys.readouterr().out


def test_each_line_has_content_set_and_label(tmp_path):
    data = make_photos(tmp_path / "a", n=6)
    (data / "test").mkdir()
    for label in ("red", "blue"):
        (data / "test" / label).mkdir()
        (data / label / "00.png").rename(data / "test" / label / "00.png")
    lines = [line.split("  ") for line in manifest(readable_photos(data))]
    assert {place for _, place in lines} == {"train/red", "train/blue", "train/green", "test/red", "test/blue"}
    assert all(len(digest) == 64 for digest, _ in lines) and lines == sorted(lines)
