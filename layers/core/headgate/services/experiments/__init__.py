"""A search over configurations: its trials, their end, their comparison."""
