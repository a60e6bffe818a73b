"""SQL of analysts over the lake: what they see, what they may write, how it is run."""
