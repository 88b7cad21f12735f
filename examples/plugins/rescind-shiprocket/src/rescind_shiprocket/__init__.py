"""The provider shiprocket for Rescind."""
