"""What the benchmarks measure with: running apps, load over HTTP, statistics, and the machine of the figures."""
