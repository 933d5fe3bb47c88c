"""What the page's buttons Apply and Undo do, with a message for each."""

from collections.abc import Callable

from fastcore.script import CliError

from .cards import shell_command
from .session import Cleaner


def apply(cleaner: Cleaner, export: str) -> str:
    """Apply the decisions, and return what was done and what to do next, as Markdown."""
    n_deleted, n_moved = cleaner.apply()
    if not n_deleted + n_moved:
        return "Nothing is marked: nothing was moved."
    done = [
        text
        for n, text in (
            (n_deleted, f"{n_deleted} deleted (to `{cleaner.data}/.rejected`)"),
            (n_moved, f"{n_moved} moved to {'its' if n_moved == 1 else 'their'} label"),
        )
        if n
    ]
    return (
        f"{', '.join(done)}. Undo takes this back. Next, train again and see whether it helped:\n"
        f"```bash\n{shell_command('train', cleaner.data, '--out', 'cleaned.pkl')}\n"
        f"{shell_command('compare', export, 'cleaned.pkl', cleaner.data)}\n```"
    )


def undo(cleaner: Cleaner) -> str:
    """Take the last Apply back, and return what was done, as Markdown."""
    n = cleaner.undo()
    if not n:
        return "There is nothing to take back."
    return f"{n} photo{'s are' if n != 1 else ' is'} back, and marked as before."


def with_error(action: Callable[[], str]) -> str:
    """Return the action's message, or that of its CliError, as Markdown."""
    try:
        return action()
    except CliError as error:
        return f"**{error}**"
