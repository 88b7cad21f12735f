"""Rescind while everything around it fails: what ``make chaos`` runs."""
