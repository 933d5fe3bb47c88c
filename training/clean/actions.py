"""What the page's buttons Apply and Undo do, with a message for each."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from fastcore.script import CliError

from training.data.labels import FILE_NAME
from training.metrics import read_metrics
from training.options import TrainingOptions

from .cards import shell_command
from .multi_label_session import MultiLabelCleaner
from .session import Cleaner


def apply(cleaner: Cleaner, export: str) -> str:
    """Apply the decisions, and return what was done and what to do next, as Markdown."""
    n_deleted, n_moved = cleaner.apply()
    stale = stale_text(cleaner)
    if not n_deleted + n_moved:
        return f"Nothing is marked: nothing was {'changed' if cleaner.multi_label else 'moved'}.{stale}"
    moved = f"{n_moved} moved to {'its' if n_moved == 1 else 'their'} label"
    if cleaner.multi_label:
        moved = f"{n_moved} relabelled in `{cleaner.data / FILE_NAME}`"
    done = [
        text for n, text in ((n_deleted, f"{n_deleted} deleted (to `{cleaner.data}/.rejected`)"), (n_moved, moved)) if n
    ]
    return (
        f"{', '.join(done)}. Undo takes this back.{stale} Next, train again and see whether it helped:\n"
        f"```bash\n{shell_command('train', cleaner.data, *trained_with(export), '--out', 'cleaned.pkl')}\n"
        f"{shell_command('compare', export, 'cleaned.pkl', cleaner.data)}\n```"
    )


def trained_with(export: str) -> list[str]:
    """Return the options that made an export, as a command line, without defaults; [] where they are not known.

    Otherwise `compare` would measure another network too. Of a file of weights the name alone is known.
    """
    recorded, given = read_metrics(export).get("options"), []
    for option in fields(TrainingOptions):
        value = recorded.get(option.name) if isinstance(recorded, dict) else None
        if type(value) is not type(option.default) or value == option.default:
            continue
        name = option.name.replace("_", "-")
        if value is False:
            given.append(f"--no-{name}")
        elif value is True:
            given.append(f"--{name}")
        elif option.name != "weights" or Path(str(value)).is_file():
            given += [f"--{name}", str(value)]
    return given


def stale_text(cleaner: Cleaner) -> str:
    """Return a sentence on decisions that do not count, because somebody changed labels.csv; "" where there is none."""
    n = cleaner.n_stale() if isinstance(cleaner, MultiLabelCleaner) else 0
    if not n:
        return ""
    return f" {_photos(n)} left as {'it is' if n == 1 else 'they are'}: {FILE_NAME} was changed after the decision."


def undo(cleaner: Cleaner) -> str:
    """Take the last Apply back, and return what was done, as Markdown."""
    undone = cleaner.take_back()
    if not undone.n + len(undone.kept):
        return "There is nothing to take back."
    done = f"{_photos(undone.n)} back, and marked as before."
    if n := len(undone.kept):
        done += f" {FILE_NAME} was changed since for {'one photo' if n == 1 else f'{n} photos'}: these rows stay."
    return done


def _photos(n: int) -> str:
    return f"{n} photo{'s are' if n != 1 else ' is'}"


def with_error(action: Callable[[], str]) -> str:
    """Return the action's message, or that of its CliError, as Markdown."""
    try:
        return action()
    except CliError as error:
        return f"**{error}**"
