"""Report the state of the Hub repositories when a deployment ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastcore.script import CliError

from training.hub.errors import HubError, OutcomeUnknown


@dataclass
class HubState:
    """What is on the Hub by now, in a sentence for each repository."""

    space: str = "Nothing was created or sent."
    model: str = ""
    sending: bool = False
    again: str = "The same command again sends what is missing."

    def __str__(self) -> str:
        return f"{self.model} {self.space}".strip()


@contextmanager
def reporting(state: HubState) -> Iterator[None]:
    """Report the state of the Hub last, whatever ends the block early."""
    try:
        yield
    except OutcomeUnknown as error:
        raise CliError(f"{error} {state} {state.again}") from error
    except (HubError, OSError) as error:  # OSError: a file here that cannot be read
        raise CliError(f"{error} {state}") from error
    except KeyboardInterrupt:
        under_way = f" What was being sent just then may have arrived. {state.again}" if state.sending else ""
        raise CliError(f"Interrupted. {state}{under_way}") from None
    except Exception:
        print(state, flush=True)  # before the stack trace of an unforeseen error
        raise
