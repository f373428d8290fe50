"""Programs that produce every number in the README, as JSON in `results/`."""
