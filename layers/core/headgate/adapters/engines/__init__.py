"""Ports backed by DuckDB and ONNX Runtime."""
