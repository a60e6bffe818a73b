"""Everything that speaks xAPI over HTTP: resources, versions, headers, multipart, more links."""
