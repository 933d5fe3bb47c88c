"""Clean photos with the help of the trained model, on a page."""

from classifier import telemetry  # noqa: F401  first: Gradio reads its variables as it is imported
