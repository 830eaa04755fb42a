"""Entry points of Batch jobs: use cases of functions, where memory, disk or time of one would not do."""
