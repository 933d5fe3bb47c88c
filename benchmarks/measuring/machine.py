"""The processor and the versions that figures belong to."""

import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

from classifier.cpu_count import cores


def machine() -> str:
    """Return the date, the processor and the versions that figures belong to."""
    cpu = next(
        (
            line.partition(": ")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    flags = Path("/proc/cpuinfo").read_text()
    vectors = next((name for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in flags), "")
    versions = ", ".join(f"{name} {version(name)}" for name in ("fastai", "torch", "gradio", "onnxruntime"))
    return f"{date.today()}, {cores()} cores of {cpu} {vectors}, Python {platform.python_version()}, {versions}"
