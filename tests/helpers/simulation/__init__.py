"""Run real runners (engine, driver, lease) in virtual time, with simulated workers and faults, from one seed.

world     the clock and the order of events
plans     what the simulated tasks do
workers   worker processes without processes
stores    the real memory store, which notes what happens and fails on demand
hosts     a runner: the real driver and lease on simulated workers
faults    what goes wrong, and when
scenario  all of it from a seed, to the end
"""
