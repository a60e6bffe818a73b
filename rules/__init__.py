"""The certification engine: YAML -> model -> decision -> award -> credential."""
