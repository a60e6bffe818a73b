"""The Laurel application: everything that knows HTTP, configuration or the clock."""
