"""Fault-injection tests of Rescind: the code that ``make chaos`` runs."""
