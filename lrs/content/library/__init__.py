"""Uploaded content as it is kept: files by hash, items and their versions, and who may see them."""
