"""Who is calling: adapters of the token verifier. The only place where token formats and keys are known."""
