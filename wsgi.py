"""The application for any WSGI server: `gunicorn wsgi:app`."""

import logging.config
import os

from lrs.app import create_app
from lrs.foundation.settings import Settings
from lrs.foundation.watching.logs import configuration

settings = Settings.from_env(os.environ)
logging.config.dictConfig(configuration(settings.log_level, settings.log_format, access=settings.access_log))
app = create_app(settings)
