"""The simulated CRM: a plausible sales floor, posted as real CRMs post it, and the numbers it must lead to."""
