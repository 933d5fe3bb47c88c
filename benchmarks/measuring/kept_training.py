"""`training.train` with fine-tuning kept whatever the verdict on it, so that the fine-tuned network can be measured.

python -m benchmarks.measuring.kept_training DATA --fine-tune
"""

from dataclasses import replace
from typing import Any

from classifier.command_line import run
from training.train import one_label
from training.train.__main__ import main
from training.train.processes.helpers import run_with_helpers
from training.train.verdict import Verdict

judge = one_label.judge


def keep(*args: Any) -> Verdict:
    """Return the verdict, but for what it decides."""
    return replace(judge(*args), kept=True)


if __name__ == "__main__":
    one_label.judge = keep
    run_with_helpers(lambda: run(main))
