"""Where Flask and gunicorn are made to do less for each request; nothing else touches their inner parts."""
