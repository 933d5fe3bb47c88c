"""Write the reference pages of the documentation from the code; `python -m tools.reference` does."""

from . import commands, files, http_api, settings
from .markdown import ROOT

FOLDER = ROOT / "docs" / "reference"
PAGES = {
    "commands": commands.commands,
    "settings": settings.settings,
    "http-api": http_api.http_api,
    "metrics": files.metrics,
    "feedback-records": files.feedback_records,
}
