"""LTI 1.3: other learning systems (platforms) open items of ours for their learners and get the results."""
