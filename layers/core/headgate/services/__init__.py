"""One use case a module, over domain and ports only, in one package a concern.

What every concern uses stands here; tests/unit/test_architecture.py says which package may import which.
"""
