"""The provider twilio for Rescind."""
