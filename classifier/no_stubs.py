"""Spare each start the stubs that Gradio writes for editors as it is imported: half of the time that takes.

Import this module before Gradio. For every class of component, Gradio parses its source and writes a .pyi file beside
it, unless the class comes from no file. From now on `inspect.getfile` says that of all of them. Gradio asks it for
nothing else but a name, and then takes the module's.
"""

import inspect
from typing import Any

_getfile = inspect.getfile


def getfile(object: Any) -> str:
    """Return the file that an object comes from, as `inspect.getfile` does; raises OSError for Gradio's components."""
    if type(object).__module__ == "gradio.component_meta":
        raise OSError("No stubs are wanted for a component.")
    return _getfile(object)


inspect.getfile = getfile
