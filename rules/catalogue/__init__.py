"""What is published: versions in the store, the compiled set of each process, which statements concern it."""
