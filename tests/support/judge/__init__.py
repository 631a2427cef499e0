"""The oracle: what every number must be, from the contract's words alone.

Plain Python, slow and obvious, on whole sets of events; shares no code with the product. Input is what a person wrote
(the YAML files as dicts) and what a CRM sent (native events as dicts); output is readings as dicts of exact numbers.
Where the contract leaves a choice, docs/glossary.md says which one was made ("Where the contract is silent").
"""
