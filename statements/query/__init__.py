"""Questions and answers: xAPI parameters, the analysts' language, MongoDB filters, formats. Pure."""
