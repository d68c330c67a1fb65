"""Sweeps: many trials of one config on the devices of a machine, kept in a ledger that survives everything."""
