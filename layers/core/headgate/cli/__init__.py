"""The `headgate` command, a client of the platform's S3 and HTTP doors; left out of the layer."""
