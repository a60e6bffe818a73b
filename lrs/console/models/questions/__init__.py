"""View models of asked questions: what the form says, the sentence about it, its picture."""
