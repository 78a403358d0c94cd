"""The command `lilota demo`: the example tasks at work, with samples, a mail server and progress bars."""
