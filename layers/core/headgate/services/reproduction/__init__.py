"""A model made again from what is recorded, and the verdict."""
