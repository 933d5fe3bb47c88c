"""What training.ipynb needs beside the pipeline: an environment, a device, photos, and a page at the end."""
