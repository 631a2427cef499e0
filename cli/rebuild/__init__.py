"""`pacer rebuild`: the state recomputed from the event log beside the live one, compared, and put in its place."""
