"""What happened to tasks, and one checker of what must never happen: for simulations and for real runners.

events        one record per event; a whole history
order         which of two events was first, as far as anybody can know
expectations  how a task may end, and with which output
checker       all rules, over one history
keeping       rules about what is kept: nothing lost, nothing from nowhere, ended is ended, the right output
attempts      the attempts of a task, and what ended each
granting      rules about what is granted: tokens, attempts
holding       rules about who holds a task, for how long, and who writes
running       rules about the bodies of tasks and about runners that idle
recorder      a file per party, one line per event
watching      a store that notes what its caller asks and learns
recorded_tasks  task classes whose bodies note that they start and end
reading       from the files of all parties to one history
parties       the programs: one runs tasks, one adds them
field         all of them on one store, for a test
"""
