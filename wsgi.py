"""The application for any WSGI server: `gunicorn wsgi:app`."""

import logging.config
import os

from lrs.app import create_app
from lrs.logs import configuration
from lrs.settings import Settings

settings = Settings.from_env(os.environ)
logging.config.dictConfig(configuration(settings.log_level, settings.log_format))
app = create_app(settings)
