"""Content packages: launching them for a learner."""
