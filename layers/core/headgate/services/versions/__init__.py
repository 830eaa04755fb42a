"""What a dataset is and was: manifests, branches, history, merges, rollbacks, differences."""
