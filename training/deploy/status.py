"""What stands on the Hub, said last whatever ends a deployment.

Gives `Stands` and `telling`
"""
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastcore.script import CliError

from .hub_errors import HubError, NotKnown


@dataclass
class Stands:
    """What stands on the Hub by now, in a sentence each."""

    space: str = "Nothing was created or sent."
    model: str = ""
    sending: bool = False
    again: str = "The same command again sends what is missing."

    def __str__(self) -> str:
        return f"{self.model} {self.space}".strip()


@contextmanager
def telling(stands: Stands) -> Iterator[None]:
    """Whatever ends the block early: say last what stands on the Hub by then."""
    try:
        yield
    except NotKnown as error:
        raise CliError(f"{error} {stands} {stands.again}") from error
    except (HubError, OSError) as error:  # the last: a file here that cannot be read
        raise CliError(f"{error} {stands}") from error
    except KeyboardInterrupt:
        under_way = f" What was on its way just then may have arrived. {stands.again}" if stands.sending else ""
        raise CliError(f"Interrupted. {stands}{under_way}") from None
    except Exception:
        print(stands, flush=True)  # before the stack trace of what nobody foresaw
        raise
