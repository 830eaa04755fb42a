"""Which use case a message or a request is for."""
