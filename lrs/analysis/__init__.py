"""Analysis: queries over the statement history, exports and imports, reports, timelines, live tail."""
