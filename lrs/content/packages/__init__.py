"""Pure parsers: the files of an uploaded package in, one `Package` with its list of issues out."""
