"""The offline pipeline, from photos to an export and a Space. `python -m training` lists its commands."""
