"""The control plane's HTTP face: what each route takes and returns. It decides nothing: services do."""
