"""Read an export file, what fastai's `learn.export()` wrote, as data: no code in it is run."""
from .reader import Export, ExportError, check_file, read_bytes, read_export, read_facts

__all__ = ["Export", "ExportError", "check_file", "read_bytes", "read_export", "read_facts"]
