"""The content origin: an application of its own that serves uploaded content and the player, and no more."""
