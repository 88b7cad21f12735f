"""Plans: an order's cancellations in several systems, which a file describes once."""
