"""The benchmark: our modules beside other engines on the same weights, all in turn, in one run.

`case` makes the weights, the clip and the float64 answer; an engine of `engines` turns them into its own file and runs
it in a `worker` process of its own; `measure` lets the workers run one at a time; `report` writes what came out.
`layers` is the profile of our own dispatches, next to the roofs of `roofs`.
"""
