"""The HTTP door: cancellations in, their fate out, for producers in any language."""
