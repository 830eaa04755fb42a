"""A local AWS Batch: a job engine behind small ports, and the HTTP endpoint that serves it.

It owns job definitions, queues, compute environments, and running jobs as local processes. It knows no
emulator: credentials, logs and events leave through the Protocols in `ports`.
"""
