"""Headgate: governed data products, serverless."""

__version__ = "0.1.0"
