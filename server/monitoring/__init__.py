"""What whoever runs the app can see of it: metrics for Prometheus, a log as JSON, and a name for each request."""
