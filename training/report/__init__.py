"""Report on a trained export: figures, one HTML page, and the model card."""
