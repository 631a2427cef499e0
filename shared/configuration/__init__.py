"""Reads and checks the YAML of a deployment and compiles it to domain values."""

from shared.configuration.answerable import Unanswerable, unanswerable
from shared.configuration.deployment import Deployment
from shared.configuration.following import LiveConfiguration
from shared.configuration.loading import load_deployment
from shared.configuration.problems import ConfigurationInvalid, Problem
from shared.configuration.watching import Edit, configuration_version, watch

__all__ = [
    "ConfigurationInvalid",
    "Deployment",
    "Edit",
    "LiveConfiguration",
    "Problem",
    "Unanswerable",
    "configuration_version",
    "load_deployment",
    "unanswerable",
    "watch",
]
