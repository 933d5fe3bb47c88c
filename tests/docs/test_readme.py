"""README.md: its metadata is what Spaces read, its figures are true, its commands exist."""
import json
import re
import shutil
import subprocess
import sys

import pytest
import requests
import yaml

from classifier import Classifier
from helpers.paths import ROOT
from helpers.readme import HUB_HOOK, README, git, section
from training.data.photos import get_photos

METADATA = README.split("---\n")[1]
SPACE_KEYS = {"title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file", "models",
              "datasets", "model-index", "short_description", "tags", "license", "pinned", "suggested_hardware",
              "startup_duration_timeout"}
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def pinned(package: str) -> str:
    return re.search(rf"^{package}==(\S+)$", (ROOT / "requirements.txt").read_text(), re.M).group(1)


def test_space_metadata_is_valid():
    metadata = yaml.safe_load(METADATA)
    assert set(metadata) <= SPACE_KEYS
    assert metadata["sdk"] == "gradio"
    assert metadata["sdk_version"] == pinned("gradio")
    assert (ROOT / metadata["app_file"]).is_file()
    assert len(metadata["short_description"]) <= 60
    assert {metadata["colorFrom"], metadata["colorTo"]} <= COLOURS
    assert re.search(r'^python_version: "3\.1[0-3]"$', METADATA, re.M), "quoted, or 3.10 becomes 3.1"


def test_torch_is_pinned_alike_for_the_spaces_image():
    pre = (ROOT / "pre-requirements.txt").read_text()
    for package in ("torch", "torchvision"):
        assert f"{package}=={pinned(package)}" in pre
    assert "--extra-index-url" in pre
    assert "--extra-index-url" not in (ROOT / "requirements.txt").read_text()


def test_every_requirement_of_serving_is_pinned():
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.match(r"^[A-Za-z_-]+==\d[\w.]*(; python_version .*)?$", line) for line in lines)


def test_model_card_agrees_with_metrics():  # tests/training/test_model_card.py compares each figure
    metrics = json.loads((ROOT / "metrics.json").read_text())
    card = section("Model card")
    counts = {label: by_split["train"] + by_split["valid"] for label, by_split in metrics["photos"].items()}
    assert f"{sum(counts.values())} photos" in card
    assert f"{metrics['n_train']} photos trained it" in card
    assert f"| bears, out of fold | {metrics['n_valid']} | {1 - metrics['error_rate']:.1%} " in card
    assert f"| {metrics['error_rate']:.1%} |" in card
    assert f"{metrics['export']['bytes'] / 1e6:.1f} MB" in card
    assert metrics["options"]["arch"] in card and "frozen, with a linear probe" in card


def test_figure_of_the_second_source_is_what_the_export_does(shared):
    classifier = Classifier.load(ROOT / "export.pkl")
    photos = get_photos(shared / "data" / "bears-field")
    right = sum(classifier.predict(photo).label == photo.parent.name for photo in photos)
    assert f"| bears-field | {len(photos)} | {right / len(photos):.1%} | {1 - right / len(photos):.1%} |" in section(
        "Model card")


def test_tree_names_every_folder():
    tree = section("What is where").split("```")[1]
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))}
    tracked = {line.split("/")[0] for line in subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True,
                                                             text=True).stdout.splitlines() if "/" in line}
    assert {f"{name}/" for name in folders & tracked} <= set(tree.split())
    assert all((ROOT / name).exists() for name in (line.split()[0] for line in tree.strip().splitlines()))


def test_links_between_documents_lead_somewhere():
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            assert ":" in link or (page.parent / link).exists(), f"{page.name}: {link}"


def test_commands_named_exist():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M)
    for target in re.findall(r"\bmake ([a-z]+)\b", "\n".join(re.findall(r"```bash\n(.*?)```", README, re.S))):
        assert target in targets
    for module in set(re.findall(r"python -m ((?:training|benchmarks)\.[a-z_]+)", README)):
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


def test_every_stage_can_be_run_with_help():
    for name in ("training.gather", "training.verify", "training.data", "training.train", "training.report",
                 "training.compare", "training.clean", "training.deploy", "training.monitor", "benchmarks.mess",
                 "benchmarks.data_quality", "benchmarks.many_photos", "benchmarks.accuracy", "benchmarks.trust",
                 "benchmarks.heatmap", "benchmarks.recipes", "benchmarks.hostile_photos"):
        assert "@call_parse" in (ROOT / f"{name.replace('.', '/')}.py").read_text()


def test_redeploy_commands_push_the_model_through_lfs(tmp_path):
    if shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is not installed")
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the project is no git clone")
    space, clone, seen = tmp_path / "space.git", tmp_path / "clone", tmp_path / "seen"
    git("init", "--bare", "--initial-branch=main", space, cwd=tmp_path)
    (space / "hooks" / "pre-receive").write_text(HUB_HOOK)
    (space / "hooks" / "pre-receive").chmod(0o755)
    git("clone", "--no-local", ROOT, clone, cwd=tmp_path)
    for key, value in {"user.name": "A Learner", "user.email": "learner@example.com"}.items():
        git("config", key, value, cwd=clone)
    plain = git("push", space, "HEAD:main", cwd=clone, check=False)
    assert plain.returncode != 0 and "use LFS/Xet" in plain.stderr

    plain = section("Put it online, and redeploy").split("### By plain git\n")[1]
    first, again = re.findall(r"```bash\n(.*?)```", plain.split("\n### ")[0], re.S)
    first = first.replace("https://huggingface.co/spaces/USER/NAME", f"file://{space}")
    subprocess.run(["bash", "-ec", first], cwd=clone, check=True, capture_output=True)
    git("clone", f"file://{space}", seen, cwd=tmp_path)
    assert (seen / "export.pkl").read_bytes() == (ROOT / "export.pkl").read_bytes()

    (clone / "export.pkl").write_bytes(b"a new model" * 1000)
    (clone / "metrics.json").write_text("{}")
    subprocess.run(["bash", "-ec", again], cwd=clone, check=True, capture_output=True)
    git("pull", cwd=seen)
    assert (seen / "export.pkl").read_bytes() == b"a new model" * 1000


def snippet(title: str, kind: str) -> str:
    """Return the code block of a kind under a heading of the third level."""
    part = re.search(rf"^### {re.escape(title)}\n(.*?)(?=^##|\Z)", README, re.M | re.S).group(1)
    return dict(re.findall(r"```(\w*)\n(.*?)```", part, re.S))[kind]


def test_plain_onnxruntime_answers_as_the_readme_shows():
    run = subprocess.run([sys.executable, "-c", snippet("The compiled copy", "python")], cwd=ROOT, capture_output=True,
                         text=True, timeout=60)
    assert run.stdout == snippet("The compiled copy", ""), run.stderr


def test_classify_answers_as_the_readme_shows(app_url):
    shown = json.loads(re.search(r"```json\n(.*?)```", section("The API"), re.S).group(1))
    with (ROOT / "examples" / "teddy-1.jpg").open("rb") as photo:
        answer = requests.post(f"{app_url}/classify", files={"file": photo}, timeout=60).json()
    assert answer.keys() == shown.keys()
    assert answer["probabilities"] == pytest.approx(shown["probabilities"], abs=1e-5)
    assert answer["familiarity"] == pytest.approx(shown["familiarity"], abs=1e-4)
    assert {name: answer[name] for name in ("label", "familiar", "calibrated", "model_version")} == {
        name: shown[name] for name in ("label", "familiar", "calibrated", "model_version")}
