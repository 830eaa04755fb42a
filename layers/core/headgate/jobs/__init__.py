"""Entry points of Batch jobs: use cases of functions, where a function's memory, disk or time would not do."""
