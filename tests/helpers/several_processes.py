"""Commands for two processes, and how to start them as a person would: by torchrun.

python -m torch.distributed.run --nproc_per_node 2 tests/helpers/several_processes.py COMMAND ARGS
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from fastcore.script import CliError

from helpers.paths import ROOT

LIMIT = 120  # seconds after which a run counts as hanging
TORCHRUN = (sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--nproc_per_node", "2")
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "OMP_NUM_THREADS": "1"}


def start(*command) -> subprocess.Popen:
    """Start a command in two processes."""
    return subprocess.Popen(
        [*TORCHRUN, *map(str, command)],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(launcher: subprocess.Popen) -> tuple[int, str, str]:
    """Return exit code, output and errors; a run that hangs is killed, with its processes, and fails."""
    try:
        out, err = launcher.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        for child in children(launcher):
            os.kill(child, signal.SIGKILL)
        launcher.kill()
        raise
    return launcher.returncode, out, err


def run(*command) -> tuple[int, str, str]:
    """Return exit code, output and errors of one of the commands below, in two processes."""
    return ended(start(__file__, *command))


def wait_for(launcher: subprocess.Popen, word: str) -> str:
    """Return what a run prints until a line has a word in it; it goes on."""
    lines: list[str] = []
    while not lines or (lines[-1] and word not in lines[-1]):
        lines.append(launcher.stdout.readline())
    return "".join(lines)


def children(launcher: subprocess.Popen) -> list[int]:
    """Return the processes that torchrun started, the first one first."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile
            continue
        if parent == launcher.pid:
            found.update({one: int(folder.name) for one in variables if one.startswith(b"RANK=")})
    return [found[name] for name in sorted(found)]


# --- commands ---


def exchange() -> None:
    """Print what the processes exchange; then ask for what the other one cannot do."""
    from training.train.processes.helpers import asking
    from training.train.processes.ranks import gathered, largest, rank, size, total

    variables = [name for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK") if name in os.environ]
    with asking(take_part, "a word"):
        words = gathered("own")
        figures = [largest(1.0), *total([1.0, 2.0])]
    print(json.dumps({"words": words, "figures": figures, "hidden": variables == [], "of": [rank(), size()]}))
    with asking(stumble):
        gathered(1)


def take_part(word: str) -> None:
    from training.train.processes.ranks import gathered, largest, rank, total

    gathered(f"{word} of {rank()}")
    largest(7.0)
    total([10.0, 20.0])


def stumble() -> None:
    raise ValueError("no such photo")


def refuse() -> None:
    """End with a sentence while the other process waits for this one's share."""
    from training.train.processes.helpers import asking

    with asking(take_part, ""):
        raise CliError("There is nothing to learn.")


def linger() -> None:
    """Wait for what never comes."""
    from training.train.processes.helpers import asking
    from training.train.processes.ranks import gathered

    with asking(time.sleep, LIMIT):
        print("waiting", flush=True)
        gathered(1)


def weights_callback():
    """Return a callback that collects a sum of all weights and statistics of each process."""
    from fastai.callback.core import Callback

    from training.train.processes.ranks import gathered

    class Weights(Callback):
        def __init__(self):
            self.weights = []

        def after_epoch(self):
            self.weights.append(gathered(sum(float(value.sum()) for value in self.model.state_dict().values())))

        def __reduce__(self):
            return weights_callback, ()

    return Weights()


def fit(folder: str, many: str) -> None:
    """Fine-tune a tiny network; print its table, and figures of the validation photos by one process.

    many: more photos than so many are loaded by threads.
    """
    from training.train import learner

    # isort: split
    import numpy as np
    import torch
    from torch import nn

    from helpers.learners import tiny_backbone
    from training.data.photos import readable_photos
    from training.data.store_writer import StoreWriter
    from training.options import TrainingOptions
    from training.train.distributed import shared_fit
    from training.train.fine_tune import fine_tune, validation_scores
    from training.train.processes.helpers import dismiss

    def backbone(*args):
        tiny = tiny_backbone()
        tiny.body[0].register_parameter("unused", nn.Parameter(torch.zeros(3)))
        return tiny

    learner.load_backbone = backbone
    options = TrainingOptions(image_size=32, batch_size=4, epochs=2, pretrained=False)
    with StoreWriter(Path(folder) / ".features", 46, int(many)) as writer:
        photos = readable_photos(folder, writer)
        learn, _ = learner.prepare(photos, options)
        callbacks = [weights_callback()]
        with shared_fit(learn, callbacks, options, photos.labels, np.inf), learn.added_cbs(callbacks):
            table, _ = fine_tune(learn, options.epochs, 1e-3, from_probe=False)
        dismiss()
    scores = torch.tensor(validation_scores(learn))
    targets = torch.cat([batch[1].cpu() for batch in learn.dls.valid])
    labels = [learn.dls.vocab.o2i[Path(file).parent.name] for file in learn.dls.valid_ds.items]
    print(
        json.dumps(
            {
                "table": table,
                "loss": float(nn.functional.cross_entropy(scores, targets)),
                "error": float((scores.argmax(1) != targets).float().mean()),
                "n": [len(learn.dls.train_ds), len(learn.dls.valid_ds)],
                "in order": targets.tolist() == labels,
                "loader": type(learn.dls.train).__name__,
                "weights": callbacks[0].weights,
            }
        )
    )


if __name__ == "__main__":
    from training.train.processes.helpers import run_with_helpers

    run_with_helpers(lambda: globals()[sys.argv[1]](*sys.argv[2:]))
