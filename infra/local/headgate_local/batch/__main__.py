"""`python -m headgate_local.batch`: AWS Batch alone, as an HTTP endpoint for AWS_ENDPOINT_URL_BATCH."""

from __future__ import annotations

import sys

from headgate_local.batch.server import main

main(sys.argv[1:])
