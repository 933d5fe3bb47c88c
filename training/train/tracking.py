"""Record a training in a tracker: Trackio, Weights & Biases or TensorBoard.

Reads  `--track NAME` or `--track NAME:PROJECT`
Gives  `tracked`, a context in which a training is recorded: its options, each step and epoch of fine-tuning by a
       callback of fastai, and in the end the figures of metrics.json. No photo, no name of one, and no code

A recorded training gives the same export as another one, and a tracker that fails costs no training: that is told, and
the training goes on without it.
"""

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from fastai.callback.core import Callback
from fastai.learner import Recorder
from fastai.torch_core import get_random_states, set_random_states
from fastcore.script import CliError

FOLDER = "tensorboard"  # beside the export


class Run(Protocol):
    """A run in a tracker."""

    callback: Callback

    def finish(self, figures: dict[str, float]) -> None:
        """End it with the figures of the training; {} where the training came to no end."""


class StepLog(Callback):
    """Log the loss of each step and the figures of each epoch to a run of W&B, or of Trackio, which has its interface.

    fastai's own callback for W&B describes all transforms first, and fails there: fastai 2.8.12, fastcore 2.2.39.
    """

    order = Recorder.order + 1

    def __init__(self, log: Callable[..., None]):
        self._log = log

    def after_batch(self) -> None:
        """Log a step of the training."""
        if self.training:
            self._log({"train_loss": float(self.smooth_loss)}, step=int(self.train_iter))

    def after_epoch(self) -> None:
        """Log the metrics of an epoch."""
        figures = zip(self.recorder.metric_names[2:-1], self.recorder.log[2:-1])
        self._log({name: float(value) for name, value in figures}, step=int(self.train_iter))


class TrackioRun:
    """A run in Trackio: on this machine, or in the Space that TRACKIO_SPACE_ID names; one that it makes is private."""

    def __init__(self, project: str, options: dict[str, Any], out: Path):
        import trackio

        self._trackio: Any = trackio
        self._run = trackio.init(project, config=options, embed=False, private=True, auto_log_cpu=False)
        self.callback: Callback = StepLog(self._run.log)

    def finish(self, figures: dict[str, float]) -> None:
        if figures:
            self._run.log(figures)
        self._trackio.finish()


class WandbRun:
    """A run in Weights & Biases: of the account that is logged in, or on this machine where WANDB_MODE is offline."""

    def __init__(self, project: str, options: dict[str, Any], out: Path):
        import wandb

        settings = wandb.Settings(
            console="off", disable_code=True, disable_git=True, x_disable_meta=True, x_disable_stats=True, silent=True
        )
        self._run = wandb.init(project=project, config=options, dir=out.parent, settings=settings)
        self.callback: Callback = StepLog(self._run.log)

    def finish(self, figures: dict[str, float]) -> None:
        self._run.summary.update(figures)
        self._run.finish(exit_code=0 if figures else 1)


class TensorBoardRun:
    """A run in a folder that TensorBoard reads, beside the export."""

    def __init__(self, project: str, options: dict[str, Any], out: Path):
        from fastai.callback.tensorboard import TensorBoardCallback

        self._options = {name: "" if value is None else value for name, value in options.items()}
        self._folder = out.parent / FOLDER / project / f"{datetime.now():%Y-%m-%d-%H%M%S}"
        self.callback: Callback = TensorBoardCallback(self._folder, trace_model=False, log_preds=False)

    def finish(self, figures: dict[str, float]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        if figures:
            with SummaryWriter(str(self._folder)) as writer:
                writer.add_hparams(self._options, figures, run_name=".")


RUNS: dict[str, Callable[..., Run]] = {"trackio": TrackioRun, "wandb": WandbRun, "tensorboard": TensorBoardRun}


class Recording(Callback):
    """The run of a training: nothing where no tracker is asked for, or from when on it fails.

    A callback of the Learner, around the tracker's own one.
    """

    order = Recorder.order + 1

    def __init__(self, tracker: str, open_run: Callable[[], Run | None]):
        self._tracker, self._run = tracker, None
        self._run = self._carefully(open_run)

    def __call__(self, event_name: str) -> None:
        """Pass an event of the Learner on."""
        if self._run:
            self._run.callback.learn = self.learn
            self._carefully(lambda run=self._run: run.callback(event_name))  # type: ignore[misc]

    def finish(self, metrics: dict[str, Any] | None = None) -> None:
        """End the run, with the figures of a training that came to its end."""
        run, self._run = self._run, None
        if run:
            self._carefully(lambda: run.finish(figures_of(metrics) if metrics else {}))

    def _carefully(self, call: Callable[[], Any]) -> Any:
        states = get_random_states()  # whatever a tracker draws, the training goes on from here
        try:
            return call()
        except Exception as error:  # whatever another package raises, and a disk or a network that fails under it
            self._run = None
            reason = " ".join(str(error).split()) or type(error).__name__
            print(f"{self._tracker} records this training no further: {reason}", flush=True)
            return None
        finally:
            set_random_states(**states)


@contextmanager
def tracked(track: str, options: dict[str, Any], data: Path, out: Path) -> Iterator[Recording]:
    """Yield the recording of a training, which is ended however the context is left; CliError for a wrong `track`.

    track: NAME or NAME:PROJECT; "" for none. data: names the project where `track` does not. out: the export.
    """
    tracker, _, project = track.partition(":")
    if tracker and tracker not in RUNS:
        raise CliError(f"--track {tracker}: no tracker of that name. There are {', '.join(RUNS)}.")
    if tracker and not importlib.util.find_spec(tracker):
        raise CliError(f"--track {tracker} needs a package that is not here: pip install {tracker}")
    recording = Recording(
        tracker, lambda: RUNS[tracker](project or data.resolve().name, options, out) if tracker else None
    )
    try:
        yield recording
    finally:
        recording.finish()


def figures_of(metrics: dict[str, Any]) -> dict[str, float]:
    """Return the figures of metrics.json that a tracker is given: those in which two trainings differ."""
    given = {
        **{name: metrics[name] for name in ("error_rate", "n_wrong", "n_train", "n_valid", "valid_loss")},
        **{f"error/{label}": counts["wrong"] / max(1, counts["n"]) for label, counts in metrics["by_label"].items()},
        **{f"familiarity/{name}": metrics["familiarity"][name] for name in ("accepted", "unfamiliar", "auroc")},
        "test/error_rate": metrics.get("test", {}).get("error_rate"),
        "mean_average_precision": metrics.get("several_labels", {}).get("mean_average_precision"),
    }
    return {name: float(value) for name, value in given.items() if value is not None}
