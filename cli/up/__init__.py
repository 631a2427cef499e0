"""`pacer up`: the whole system as child processes of one supervisor."""
