"""Whole worlds in one thread: workers, their broker, the ledger and the providers, with
the clock and chance in our hand.

A run is a pure function of its scenario, and a scenario of its seed. What sockets,
processes and operating systems do, ``chaos`` shows. What our own code decides, in any
order of events, is found here, in a thousandth of the time.
"""
