"""Clean photos with the help of the trained model, on a page."""

from classifier import no_stubs, telemetry  # noqa: F401  first: they change how Gradio is imported
