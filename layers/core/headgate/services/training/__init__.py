"""From a reason to train to a job that runs: run specs, budgets, slots, logs."""
