"""What is fitted to features in seconds: linear probes, their calibration and familiarity, cross-validation."""
