"""Awards become signed credentials: document, signing, baking, status lists, their store."""
