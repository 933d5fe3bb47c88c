"""What the page and the API need beyond Gradio's own parts."""
