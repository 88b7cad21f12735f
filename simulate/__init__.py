"""Simulates whole worlds in one thread: workers, their broker, ledger and providers.

The simulation controls time and chance. A run is a pure function of its scenario, and
a scenario of its seed. ``chaos`` tests what sockets, processes and operating systems
do. ``simulate`` tests what our own code decides, in any order of events, in a
thousandth of the time.
"""
