"""One use case a module, over domain and ports only."""
