"""How each format tells of its items: SCORM, cmi5, Tin Can, H5P, plain HTML."""
