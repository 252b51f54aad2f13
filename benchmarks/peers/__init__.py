"""One file a contender: `prepare(case)` builds everything and returns `run(steps)`, which trains that many steps."""
