"""What more than one service uses: the domain, the contracts, configuration, adapters, observability."""
