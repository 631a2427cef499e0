"""Record changes in, exact per-rep KPIs out: the ledger and the scoreboard."""
