"""One person's history and the published versions in, the timeline of every award out. Pure."""
