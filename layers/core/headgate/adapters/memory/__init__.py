"""A shipped in-memory implementation of every port."""
