"""A learner's tries at SCORM content: what the browser commits is merged, told as statements, and kept."""
