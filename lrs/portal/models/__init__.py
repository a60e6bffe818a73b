"""What the pages show, computed without HTTP and database."""
