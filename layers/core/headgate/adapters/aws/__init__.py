"""Ports backed by AWS services; the only place where boto3 is imported."""
