"""classifier/cpu_count.py: the cores that a container really has."""

import pytest

from classifier import cpu_count as module
from classifier.cpu_count import cores


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """A machine of 64 cores whose container sets no limit."""
    monkeypatch.setattr(module, "_allowed", lambda: 64)
    monkeypatch.setattr(module, "CGROUP", tmp_path)
    monkeypatch.delenv("CPU_CORES", raising=False)
    return tmp_path


def test_without_a_limit_all_cores_count():
    assert cores() == 64


@pytest.mark.parametrize(
    "quota, n",
    [
        ("200000 100000", 2),
        ("150000 100000", 1),
        ("50000 100000", 1),
        ("max 100000", 64),
        ("nonsense", 64),
        ("0 0", 64),
    ],
)
def test_quota_of_cgroup_2_counts(machine, quota, n):
    (machine / "cpu.max").write_text(quota + "\n")
    assert cores() == n


@pytest.mark.parametrize("quota, n", [("400000", 4), ("-1", 64)])
def test_quota_of_cgroup_1_counts(machine, quota, n):
    (machine / "cpu").mkdir()
    (machine / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (machine / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cores() == n


@pytest.mark.parametrize("given, n", [("2", 2), ("2.0", 2), ("0.5", 1), ("1000", 64), ("", 64)])
def test_environment_counts(monkeypatch, given, n):
    monkeypatch.setenv("CPU_CORES", given)
    assert cores() == n


@pytest.mark.parametrize("given", ["two", "0", "-1", "nan", "inf"])
def test_nonsense_in_the_environment_is_named_and_left_out(monkeypatch, caplog, given):
    monkeypatch.setenv("CPU_CORES", given)
    assert cores() == 64
    assert "CPU_CORES" in caplog.text


def test_the_least_counts(monkeypatch, machine):
    monkeypatch.setenv("CPU_CORES", "8")
    (machine / "cpu.max").write_text("300000 100000")
    assert cores() == 3
