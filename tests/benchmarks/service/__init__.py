"""The service beside what a user would take instead: `make bench`.

A scenario starts its processes, compares their answers with the right ones, and then lets all ways
take turns, so that what else the machine does falls on all of them; ratios are those of one round.
HTTP and gRPC requests come from `oha`.

| module | what it holds |
|---|---|
| `plan` | how long is measured, and what |
| `scenarios` | what is measured: a module each |
| `apps` | the peers, as their own users would write them |
| `workers` | what runs in a process of its own, because its memory is measured |
| `services`, `frameworks` | the processes that are measured |
| `load`, `health`, `memory` | how is measured |
| `series`, `section` | what comes out |
| `table`, `svg`, `crossover`, `machine`, `report` | how it is shown |
"""
