"""Developer-only package: the local emulator, a local AWS Batch, and what deploys onto them.

It owns what a laptop needs in place of AWS. Product code never imports it, and importing this package
starts nothing.
"""
