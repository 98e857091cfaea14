"""What a ``kill -9`` of a server costs, under load, again and again.

    python -m benchmarks.kills --n 100
    python -m benchmarks.kills --n 10 --painter built-in

A server in a process of its own is killed with its whole process group at a random moment, also
while it starts, and started again on the same home and port. Meanwhile clients, each with a key of
its own, begin sessions, ask, cancel, bring pictures, go back to earlier ones, and follow what
happens in every turn; they come back with ``Last-Event-ID`` and remember all that was acknowledged.
Another process tries to take up what the server is at. After the last kill the rest is waited for,
and then whatever was acknowledged is looked for: by the clients, in that server and, after one more
kill, in another; and in the home itself.

What is counted: kills, and how many came before the server answered; what was acknowledged; events,
those with a number that came in; returns, streams that were taken up again; intrusions, how often
another process tried to take a turn; cut_short, steps that a kill cut short, and reruns, calls that
the stub was given again (for each turn that was running one at most); lost, acknowledged and not
there as it was; doubled, done or told twice, or gone on with after it was cancelled; torn, files
that are not what they are named for, or left half written; stuck, what has not ended.
"""
