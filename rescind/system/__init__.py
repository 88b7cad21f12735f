"""The whole system on one machine: embedded Redis, supervisor, ``rescind up``."""
