"""Why, why not yet, what next: values and their text. Pure."""
