"""The application for any WSGI server: `gunicorn wsgi:app`."""

import os

from lrs.app import create_app
from lrs.settings import Settings

app = create_app(Settings.from_env(os.environ))
