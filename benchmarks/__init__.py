"""activerow beside other ways to a database, on the same tables and rows: `make bench`.

`tasks`
    What is measured, in groups: lone calls, calls of a unit, requests, scaling, rows.
`rows`
    The tables, their rows, and which of them a call asks for.
`peer`, `peers`
    One way to do the tasks; a file for each.
`worker`
    The process of one peer: checks what each task does, warms up, measures.
`stores`
    The databases of the peers: made, put back and dropped from outside of the worker.
`rounds`
    Runs the peers in turns.
`figures`
    Medians and ratios of what was measured.
`table`, `chart`
    How they are shown.
"""
