"""What every part stands on: settings, context, database connection, errors, logs, mail, fetching, audit."""
