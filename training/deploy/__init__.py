"""Put the app online as a Space: check, send, wait until it runs, and ask it."""
