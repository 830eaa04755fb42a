"""The walls around unit tests hold."""

from __future__ import annotations

import os
import socket

import boto3
import pytest


def test_a_connection_is_refused() -> None:
    with socket.socket() as client, pytest.raises(AssertionError, match="must not use the network"):
        client.connect(("127.0.0.1", 9))


def test_a_name_lookup_is_refused() -> None:
    with pytest.raises(AssertionError, match="must not use the network"):
        socket.create_connection(("localhost", 9))


def test_no_aws_credentials_are_found() -> None:
    assert boto3.session.Session().get_credentials() is None
    assert "AWS_PROFILE" not in os.environ
