"""Whole worlds in one thread: workers, their broker, the ledger and the providers, with
the clock and chance in our hand.

A run is a pure function of its plan, and a plan of its seed. What sockets, processes
and operating systems do is `chaos`'s to show; what our own code decides, in whatever
order things happen, is found here, thousands of times faster.
"""
