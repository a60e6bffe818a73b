"""Pages on the own person: what they hold, what is next, what happened, what others see."""
