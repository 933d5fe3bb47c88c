"""Build the browser edition: a folder of files that any web server can serve, and that answers by itself."""
